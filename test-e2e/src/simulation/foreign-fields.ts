/**
 * Single fields of objects that somebody else changes: of those that works set, which must be corrected (P7), and of
 * such that no work sets, which must stay whatever the klusterlet writes (P3). Pure.
 */
import { isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import type { Drift } from './scenario.js';

/** A field that works set. */
interface OwnField {
  readonly in: 'data' | 'spec';
  readonly name: string;
  /** What somebody else makes of it, by the number of the drift. */
  readonly spoiled: (count: number) => string | number;
  /** Whether the object can be without it. */
  readonly mayGo: boolean;
}

const base64 = (text: string): string => Buffer.from(text).toString('base64');
const mark = (count: number): string => `somebody else ${count}`;

const ownFields: Readonly<Record<string, OwnField>> = {
  ConfigMap: { in: 'data', name: 'value', spoiled: mark, mayGo: true },
  Secret: { in: 'data', name: 'value', spoiled: (count) => base64(mark(count)), mayGo: true },
  Deployment: { in: 'spec', name: 'replicas', spoiled: (count) => 4 + (count % 3), mayGo: false },
  CronJob: { in: 'spec', name: 'schedule', spoiled: (count) => `${count % 60} 1 * * *`, mayGo: false },
};
const gadgetField: OwnField = { in: 'spec', name: 'value', spoiled: mark, mayGo: true };

export type FieldDrift = Extract<Drift, 'change field' | 'drop field'>;

export function isFieldDrift(drift: Drift): drift is FieldDrift {
  return drift === 'change field' || drift === 'drop field';
}

/** A merge patch that spoils a field of the object. */
export function spoil({ kind }: KubeObject, drift: FieldDrift, count: number): JsonObject {
  const field = fieldOf(kind);
  const value = drift === 'drop field' && field.mayGo ? null : field.spoiled(count);
  return { [field.in]: { [field.name]: value } };
}

/** Whether the object is as that patch has left it. */
export function isSpoiled(object: KubeObject, drift: FieldDrift, count: number): boolean {
  const field = fieldOf(object.kind);
  const group = object[field.in];
  const value = isObject(group) ? group[field.name] : undefined;
  return drift === 'drop field' && field.mayGo ? value === undefined : value === field.spoiled(count);
}

function fieldOf(kind: string): OwnField {
  return ownFields[kind] ?? gadgetField;
}

const prefix = 'foreign-';

/** A merge patch with fields that no work sets. */
export function addForeign({ kind }: KubeObject, count: number): JsonObject {
  const field = `${prefix}${count}`;
  const value = kind === 'Secret' ? base64('yes') : 'yes';
  return {
    metadata: { labels: { [field]: 'yes' } },
    ...((kind === 'ConfigMap' || kind === 'Secret') && { data: { [field]: value } }),
  };
}

/** Fields of somebody else that the object had and has not any more. */
export function takenAway(before: KubeObject, after: KubeObject): string[] {
  const gone = (path: string, had: unknown, has: unknown): string[] =>
    foreignIn(had)
      .filter((field) => !isObject(has) || !Object.hasOwn(has, field))
      .map((field) => `${path}.${field}`);
  return [
    ...gone('metadata.labels', before.metadata.labels, after.metadata.labels),
    ...gone('data', before['data'], after['data']),
  ];
}

/** `count` is the label that a drift of that name sets. */
function foreignIn(group: unknown): string[] {
  if (!isObject(group)) return [];
  return Object.keys(group).filter((field) => field.startsWith(prefix) || field === 'count');
}
