/**
 * Pods: defaults, the spec that hardly ever changes, eviction, binding, and the columns that kubectl users know.
 * Logs, exec and port forwarding come from `streams/`, where there is a runtime for them.
 */
import {
  clone,
  type FieldError,
  fieldErrors,
  isObject,
  type JsonObject,
  type KubeObject,
} from '@flotilla/api';
import type { CustomSubresource } from '../../registry/resource.js';
import { at, ensure, fill, listAt, numberAt, objectAt, objectsAt, textAt } from '../access.js';
import { ageColumn, ageOf, nameColumn, textColumn } from '../columns.js';
import type { BuiltinFacts, PodActions } from '../define.js';
import { builtinSchema } from '../schemas.js';
import { sameValue } from '../validation.js';
import { defaultPod } from './pod-defaults.js';
import { validatePodSpec } from './pod-validation.js';

const { forbidden } = fieldErrors;

const tolerationSeconds = 300;

/** What admission plugins of a real cluster add to every new pod. */
function admitPod(spec: JsonObject): void {
  fill(spec, {
    serviceAccountName: 'default',
    preemptionPolicy: 'PreemptLowerPriority',
  });
  fill(spec, { serviceAccount: spec['serviceAccountName'] });
  spec['priority'] ??= 0;
  const tolerations = [...objectsAt(spec, 'tolerations')];
  for (const key of ['node.kubernetes.io/not-ready', 'node.kubernetes.io/unreachable']) {
    const tolerated = tolerations.some(
      (one) =>
        (textAt(one, 'key') === key || (textAt(one, 'key') === '' && textAt(one, 'operator') === 'Exists')) &&
        ['', 'NoExecute'].includes(textAt(one, 'effect')),
    );
    if (!tolerated) tolerations.push({ key, operator: 'Exists', effect: 'NoExecute', tolerationSeconds });
  }
  spec['tolerations'] = tolerations;
}

/** Guaranteed, Burstable or BestEffort, by the resources of its containers. */
function qosClass(spec: JsonObject): string {
  let any = false;
  let guaranteed = true;
  for (const container of [...objectsAt(spec, 'containers'), ...objectsAt(spec, 'initContainers')]) {
    const limits = objectAt(container, 'resources', 'limits');
    const requests = objectAt(container, 'resources', 'requests');
    for (const name of ['cpu', 'memory']) {
      if (limits[name] !== undefined || requests[name] !== undefined) any = true;
      if (limits[name] === undefined || !sameValue(limits[name], requests[name] ?? limits[name])) {
        guaranteed = false;
      }
    }
  }
  if (!any) return 'BestEffort';
  return guaranteed ? 'Guaranteed' : 'Burstable';
}

/** The spec with everything taken out that may change. */
function frozenPart(spec: JsonObject): JsonObject {
  const copy = clone(spec);
  for (const list of ['containers', 'initContainers']) {
    for (const container of objectsAt(copy, list)) delete container['image'];
  }
  for (const key of ['activeDeadlineSeconds', 'terminationGracePeriodSeconds', 'schedulingGates'])
    delete copy[key];
  delete copy['tolerations'];
  return copy;
}

function validateSpecUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const spec = objectAt(object, 'spec');
  const before = objectAt(old, 'spec');
  const kept = listAt(before, 'tolerations').every((one) =>
    listAt(spec, 'tolerations').some((other) => sameValue(one, other)),
  );
  const [now, then] = [frozenPart(spec), frozenPart(before)];
  // The binding subresource sets the node, once.
  if (textAt(before, 'nodeName') === '') delete now['nodeName'];
  if (kept && sameValue(now, then)) return [];
  return [
    forbidden(
      'spec',
      'pod updates may not change fields other than `spec.containers[*].image`,`spec.initContainers[*].image`,`spec.activeDeadlineSeconds`,`spec.tolerations` (only additions to existing tolerations),`spec.terminationGracePeriodSeconds` (allow it to be set to 1 if it was previously negative)',
    ),
  ];
}

/** The Status column: what is wrong with the pod, or its phase. */
function statusText(object: KubeObject): string {
  const status = objectAt(object, 'status');
  const initial = textAt(status, 'reason') || textAt(status, 'phase');
  let text = initial;
  const inits = objectsAt(status, 'initContainerStatuses');
  for (const [index, container] of inits.entries()) {
    const terminated = objectAt(container, 'state', 'terminated');
    if (Object.keys(terminated).length > 0 && numberAt(terminated, 'exitCode') === 0) continue;
    const waiting = textAt(container, 'state', 'waiting', 'reason');
    if (Object.keys(terminated).length > 0) text = `Init:${terminatedText(terminated)}`;
    else if (waiting !== '' && waiting !== 'PodInitializing') text = `Init:${waiting}`;
    else text = `Init:${index}/${listAt(object, 'spec', 'initContainers').length}`;
    return deleting(object, text);
  }
  let running = false;
  for (const container of objectsAt(status, 'containerStatuses').toReversed()) {
    const waiting = textAt(container, 'state', 'waiting', 'reason');
    const terminated = at(container, 'state', 'terminated');
    if (waiting !== '') text = waiting;
    else if (isObject(terminated)) text = terminatedText(terminated);
    else if (container['ready'] === true && at(container, 'state', 'running') !== undefined) running = true;
  }
  if (text === 'Completed' && running) text = 'Running';
  return deleting(object, text);
}

function terminatedText(terminated: JsonObject): string {
  const reason = textAt(terminated, 'reason');
  if (reason !== '') return reason;
  const signal = numberAt(terminated, 'signal');
  return signal === 0 ? `ExitCode:${numberAt(terminated, 'exitCode')}` : `Signal:${signal}`;
}

function deleting(object: KubeObject, text: string): string {
  if (object.metadata.deletionTimestamp === undefined) return text;
  if (textAt(object, 'status', 'reason') === 'NodeLost') return 'Unknown';
  return ['Failed', 'Succeeded'].includes(textAt(object, 'status', 'phase')) ? text : 'Terminating';
}

function restarts(object: KubeObject, nowMs: number): string {
  let count = 0;
  let last: unknown;
  for (const container of objectsAt(object, 'status', 'containerStatuses')) {
    count += numberAt(container, 'restartCount');
    const finished = at(container, 'lastState', 'terminated', 'finishedAt');
    if (typeof finished === 'string' && (last === undefined || finished > String(last))) last = finished;
  }
  return count > 0 && last !== undefined ? `${count} (${ageOf(last, nowMs)} ago)` : String(count);
}

function orNone(text: string): string {
  return text === '' ? '<none>' : text;
}

function readyText(object: KubeObject): string {
  const ready = objectsAt(object, 'status', 'containerStatuses').filter((one) => one['ready'] === true);
  return `${ready.length}/${listAt(object, 'spec', 'containers').length}`;
}

function gatesText(object: KubeObject): string {
  const gates = objectsAt(object, 'spec', 'readinessGates').map((gate) => textAt(gate, 'conditionType'));
  if (gates.length === 0) return '<none>';
  const conditions = objectsAt(object, 'status', 'conditions');
  const met = gates.filter((gate) =>
    conditions.some((one) => textAt(one, 'type') === gate && textAt(one, 'status') === 'True'),
  );
  return `${met.length}/${gates.length}`;
}

function takeEphemeralContainers(object: KubeObject, old: KubeObject): KubeObject {
  const spec = {
    ...objectAt(old, 'spec'),
    ephemeralContainers: listAt(object, 'spec', 'ephemeralContainers'),
  };
  return { ...old, metadata: { ...old.metadata }, spec };
}

function takeResources(object: KubeObject, old: KubeObject): KubeObject {
  const spec = clone(objectAt(old, 'spec'));
  const wanted = new Map(objectsAt(object, 'spec', 'containers').map((one) => [textAt(one, 'name'), one]));
  for (const container of objectsAt(spec, 'containers')) {
    const resources = wanted.get(textAt(container, 'name'))?.['resources'];
    if (resources !== undefined) container['resources'] = resources;
  }
  return { ...old, spec };
}

const podKind = { group: '', version: 'v1', kind: 'Pod' };

/** Eviction and binding, where the server can carry them out. */
function actions({ bind, evict }: PodActions): CustomSubresource[] {
  return [
    {
      name: 'binding',
      verbs: ['create'],
      kind: { group: '', version: 'v1', kind: 'Binding' },
      schema: builtinSchema('', 'v1', 'Binding'),
      create: (body, context) => bind(textAt(body, 'target', 'name'), context),
    },
    {
      name: 'eviction',
      verbs: ['create'],
      kind: { group: 'policy', version: 'v1', kind: 'Eviction' },
      schema: builtinSchema('policy', 'v1', 'Eviction'),
      create: (body, context) => evict(objectAt(body, 'deleteOptions'), context),
    },
  ];
}

const plainPods: BuiltinFacts = {
  group: '',
  resource: 'pods',
  kind: 'Pod',
  shortNames: ['po'],
  categories: ['all'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true, deleteReturnsObject: true },
  selectableFields: {
    'spec.nodeName': (object) => textAt(object, 'spec', 'nodeName'),
    'spec.restartPolicy': (object) => textAt(object, 'spec', 'restartPolicy'),
    'spec.schedulerName': (object) => textAt(object, 'spec', 'schedulerName'),
    'spec.serviceAccountName': (object) => textAt(object, 'spec', 'serviceAccountName'),
    'spec.hostNetwork': (object) => String(at(object, 'spec', 'hostNetwork') === true),
    'status.phase': (object) => textAt(object, 'status', 'phase'),
    'status.podIP': (object) => textAt(object, 'status', 'podIP'),
    'status.nominatedNodeName': (object) => textAt(object, 'status', 'nominatedNodeName'),
  },
  columns: [
    nameColumn,
    textColumn('Ready', readyText),
    textColumn('Status', statusText),
    textColumn('Restarts', restarts),
    ageColumn,
    textColumn('IP', (object) => orNone(textAt(object, 'status', 'podIP')), { wide: true }),
    textColumn('Node', (object) => orNone(textAt(object, 'spec', 'nodeName')), { wide: true }),
    textColumn('Nominated Node', (object) => orNone(textAt(object, 'status', 'nominatedNodeName')), {
      wide: true,
    }),
    textColumn('Readiness Gates', gatesText, { wide: true }),
  ],
  defaults: (object) => defaultPod(ensure(object, 'spec')),
  create(object) {
    const spec = ensure(object, 'spec');
    admitPod(spec);
    object['status'] = { phase: 'Pending', qosClass: qosClass(spec) };
  },
  validate: (object) => validatePodSpec(objectAt(object, 'spec'), 'spec'),
  validateUpdate: validateSpecUpdate,
  subresources: [
    {
      name: 'ephemeralcontainers',
      verbs: ['get', 'patch', 'update'],
      kind: podKind,
      merge: takeEphemeralContainers,
    },
    { name: 'resize', verbs: ['get', 'patch', 'update'], kind: podKind, merge: takeResources },
  ],
};

/** Pods, with what the server can do to a pod besides storing it. */
export function pods(podActions: PodActions | undefined): BuiltinFacts {
  if (podActions === undefined) return plainPods;
  return { ...plainPods, subresources: [...(plainPods.subresources ?? []), ...actions(podActions)] };
}
