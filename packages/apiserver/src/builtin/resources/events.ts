/**
 * Events: one store, served in the core group's form and in that of events.k8s.io. The stored form is the core one.
 */
import { fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, numberAt, objectAt, textAt } from '../access.js';
import { ageOf, fieldColumn, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts, Conversion } from '../define.js';

const { invalid } = fieldErrors;

/** Core field -> field of events.k8s.io. */
const renamed: Readonly<Record<string, string>> = {
  involvedObject: 'regarding',
  message: 'note',
  reportingComponent: 'reportingController',
  source: 'deprecatedSource',
  firstTimestamp: 'deprecatedFirstTimestamp',
  lastTimestamp: 'deprecatedLastTimestamp',
  count: 'deprecatedCount',
};
const renamedBack: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(renamed).map(([core, event]) => [event, core]),
);

function rename(object: KubeObject, names: Readonly<Record<string, string>>): KubeObject {
  const { apiVersion, kind, metadata, ...rest } = object;
  const out: KubeObject = { apiVersion, kind, metadata };
  for (const key of Object.keys(rest)) out[Object.hasOwn(names, key) ? (names[key] ?? key) : key] = rest[key];
  return out;
}

/** Fields that the core form always writes. */
function withCoreShape(object: KubeObject): KubeObject {
  for (const key of ['involvedObject', 'source']) if (!isObject(object[key])) object[key] = {};
  for (const key of ['reportingComponent', 'reportingInstance']) object[key] ??= '';
  return object;
}

const eventsForm: Conversion = {
  toStorage: (object) => withCoreShape(rename(object, renamedBack)),
  fromStorage: (object) => rename(object, renamed),
};

/** kind/name of what the event is about, in either form. */
function subject(object: KubeObject): string {
  const about = aboutOf(object);
  const kind = textAt(about, 'kind').toLowerCase();
  return `${kind}/${textAt(about, 'name')}`;
}

function aboutOf(object: KubeObject): JsonObject {
  const involved = at(object, 'involvedObject') ?? at(object, 'regarding');
  return isObject(involved) ? involved : {};
}

function firstOf(object: KubeObject, ...keys: readonly string[]): unknown {
  return keys
    .map((key) => object[key])
    .find((value) => value !== undefined && value !== null && value !== '');
}

function timesSeen(object: KubeObject): number {
  const series = numberAt(object, 'series', 'count');
  if (series > 0) return series;
  return numberAt(object, 'count') || numberAt(object, 'deprecatedCount') || 1;
}

function sourceOf(object: KubeObject): string {
  const source = isObject(object['source']) ? object['source'] : objectAt(object, 'deprecatedSource');
  const component =
    textAt(source, 'component') || String(firstOf(object, 'reportingComponent', 'reportingController') ?? '');
  const host = textAt(source, 'host') || textAt(object, 'reportingInstance');
  return host === '' ? component : `${component}, ${host}`;
}

const columns = [
  textColumn('Last Seen', (object, nowMs) =>
    ageOf(
      at(object, 'series', 'lastObservedTime') ??
        firstOf(object, 'lastTimestamp', 'deprecatedLastTimestamp', 'eventTime', 'firstTimestamp'),
      nowMs,
    ),
  ),
  fieldColumn('Type', ['type']),
  fieldColumn('Reason', ['reason']),
  textColumn('Object', subject),
  textColumn('Subobject', (object) => textAt(aboutOf(object), 'fieldPath'), { wide: true }),
  textColumn('Source', sourceOf, { wide: true }),
  textColumn('Message', (object) => String(firstOf(object, 'message', 'note') ?? '').trim()),
  textColumn(
    'First Seen',
    (object, nowMs) =>
      ageOf(firstOf(object, 'firstTimestamp', 'deprecatedFirstTimestamp', 'eventTime'), nowMs),
    { wide: true },
  ),
  textColumn('Count', timesSeen, { wide: true }),
  { ...nameColumn, priority: 1 },
];

const about = ['kind', 'namespace', 'name', 'uid', 'apiVersion', 'resourceVersion', 'fieldPath'];

function eventFields(prefix: string): Record<string, (object: KubeObject) => string> {
  return {
    ...Object.fromEntries(
      about.map((key) => [`${prefix}.${key}`, (object: KubeObject) => textAt(aboutOf(object), key)]),
    ),
    reason: (object) => textAt(object, 'reason'),
    reportingComponent: (object) =>
      String(firstOf(object, 'reportingComponent', 'reportingController') ?? ''),
    reportingController: (object) =>
      String(firstOf(object, 'reportingComponent', 'reportingController') ?? ''),
    source: (object) =>
      textAt(object, 'source', 'component') ||
      String(firstOf(object, 'reportingComponent', 'reportingController') ?? ''),
    type: (object) => textAt(object, 'type'),
  };
}

const eventsOverride = { selectableFields: eventFields('regarding') };

export const events: BuiltinFacts = {
  group: '',
  resource: 'events',
  kind: 'Event',
  shortNames: ['ev'],
  namespaced: true,
  hub: true,
  columns,
  selectableFields: eventFields('involvedObject'),
  strategy: { allowCreateOnUpdate: true },
  validate(object) {
    const namespace = textAt(aboutOf(object), 'namespace');
    const own = object.metadata.namespace ?? '';
    const expected = namespace === '' ? 'default' : namespace;
    // Controllers also report cluster-scoped objects into kube-system.
    if (own === expected || (namespace === '' && own === 'kube-system')) return [];
    const field = isObject(object['regarding']) ? 'regarding.namespace' : 'involvedObject.namespace';
    return [invalid(field, namespace, 'does not match event.namespace')];
  },
  conversions: { 'events.k8s.io/v1': eventsForm, 'events.k8s.io/v1beta1': eventsForm },
  overrides: { 'events.k8s.io/v1': eventsOverride, 'events.k8s.io/v1beta1': eventsOverride },
};
