/**
 * Label and field selectors of a list, watch or deletecollection as one predicate over cached objects, with the
 * parts that the cache's index can use (one name, one namespace) taken out. Pure.
 */
import {
  type KubeObject,
  matchesLabels,
  newBadRequest,
  type ParsedLabelSelector,
  parseFieldSelector,
  parseLabelSelector,
} from '@flotilla/api';
import type { ResourceDefinition } from '../registry/resource.js';
import { isInVersion, viewObject } from '../registry/versions.js';
import type { CachedObject, LabelValue } from '../watch-cache/types.js';
import type { ListQuery } from './options.js';

export interface Selection {
  /** Only this namespace. */
  readonly namespace: string | undefined;
  /** Only objects of this name. */
  readonly name: string | undefined;
  /** One label and value that all of them have; `select` asks for it, too. */
  readonly having?: LabelValue;
  /** Everything else that was asked for; absent: all objects in scope. */
  readonly select: ((object: CachedObject) => boolean) | undefined;
  /** What can be asked only once a conversion webhook has brought objects to the version; absent: nothing. */
  readonly selectShown?: (object: CachedObject) => boolean;
  /** Any selector was given at all, so that what remains of a list cannot be counted. */
  readonly isFiltered: boolean;
}

/** @throws StatusError 400 for a selector that cannot be parsed or names an unknown field. */
export function parseSelection(
  definition: ResourceDefinition,
  query: Pick<ListQuery, 'labelSelector' | 'fieldSelector'>,
  namespace: string | undefined,
): Selection {
  const isFiltered = query.labelSelector !== '' || query.fieldSelector !== '';
  if (!isFiltered) return { namespace, name: undefined, select: undefined, isFiltered };
  const labels = query.labelSelector === '' ? undefined : parse(parseLabelSelector, query.labelSelector);
  const fields = query.fieldSelector === '' ? [] : parse(parseFieldSelector, query.fieldSelector);

  let name: string | undefined;
  let scope = namespace;
  let contradiction = false;
  const tests: Test[] = [];
  const shownTests: Test[] = [];
  if (labels !== undefined) tests.push((object) => matchesLabels(labels, object.metadata.labels ?? {}));
  for (const { field, operator, value } of fields) {
    const isEqual = operator === '=';
    if (isEqual && field === 'metadata.name' && name === undefined) {
      name = value;
    } else if (isEqual && field === 'metadata.namespace' && definition.namespaced) {
      if (scope !== undefined && scope !== value) contradiction = true;
      scope = value;
    } else {
      const read = fieldReader(definition, field);
      const isShown = definition.convertThrough !== undefined && !field.startsWith('metadata.');
      (isShown ? shownTests : tests).push((object) => (read(object) === value) === isEqual);
    }
  }
  if (contradiction) tests.push(() => false);
  const having = labels && labelValueOf(labels);
  return {
    namespace: contradiction ? namespace : scope,
    name,
    ...(having && { having }),
    select: tests.length === 0 ? undefined : withMarks(marksOf(labels), all(tests, definition)),
    ...(shownTests.length > 0 && { selectShown: all(shownTests, definition) }),
    isFiltered,
  };
}

/** All that is asked of the objects of a namespace that come out of the cache; absent: nothing. */
export function selectionTest({ name, select }: Pick<Selection, 'name' | 'select'>): Selection['select'] {
  if (name === undefined) return select;
  return (object) => object.name === name && (select === undefined || select(object));
}

type Test = (object: KubeObject) => boolean;

/** Labels and names are the same in all versions that a webhook converts between: the stored ones are asked. */
function all(tests: readonly Test[], definition: ResourceDefinition): (cached: CachedObject) => boolean {
  return (cached) => {
    const object = isInVersion(definition, cached) ? viewObject(definition, cached) : cached.object;
    return tests.every((test) => test(object));
  };
}

/**
 * What the bytes of every object hold that a selector of labels can match. Finding it there costs a twentieth of
 * parsing, and most of what is asked selects a few objects of many.
 */
function marksOf(labels: ParsedLabelSelector | undefined): readonly Buffer[] {
  return (labels?.requirements ?? []).flatMap(({ key, operator, values }) => {
    const label = `${JSON.stringify(key)}:`;
    const [value, ...others] = values;
    if (operator === 'exists') return [Buffer.from(label)];
    if (operator !== '=' && operator !== '==' && operator !== 'in') return [];
    const isOne = value !== undefined && others.length === 0;
    return [Buffer.from(isOne ? label + JSON.stringify(value) : label)];
  });
}

/** The first that is asked for by its value. */
function labelValueOf({ requirements }: ParsedLabelSelector): LabelValue | undefined {
  for (const { key, operator, values } of requirements) {
    const [value, ...others] = values;
    const isEquality = operator === '=' || operator === '==' || operator === 'in';
    if (isEquality && value !== undefined && others.length === 0) return { label: key, value };
  }
  return undefined;
}

function withMarks(
  marks: readonly Buffer[],
  select: (cached: CachedObject) => boolean,
): (cached: CachedObject) => boolean {
  if (marks.length === 0) return select;
  return (cached) => marks.every((mark) => cached.json.includes(mark)) && select(cached);
}

function parse<T>(parser: (text: string) => T, text: string): T {
  try {
    return parser(text);
  } catch (cause) {
    throw newBadRequest(cause instanceof Error ? cause.message : String(cause), { cause });
  }
}

function fieldReader(definition: ResourceDefinition, field: string): (object: KubeObject) => string {
  if (field === 'metadata.name') return (object) => object.metadata.name ?? '';
  if (field === 'metadata.namespace') return (object) => object.metadata.namespace ?? '';
  const read = Object.hasOwn(definition.selectableFields, field)
    ? definition.selectableFields[field]
    : undefined;
  if (read !== undefined) return read;
  throw newBadRequest(
    definition.origin === 'crd'
      ? `field label not supported: ${field}`
      : `${JSON.stringify(field)} is not a known field selector: only "metadata.name", "metadata.namespace"`,
  );
}
