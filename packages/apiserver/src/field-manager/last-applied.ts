/**
 * The way from client-side to server-side apply. kubectl used to keep its last configuration in an annotation and
 * its fields in Update entries; when the manager `kubectl` applies server-side, fields that the annotation proves to be
 * its own raise no conflict, and the annotation is kept in step so that one can go back. Pure.
 */
import { isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { difference, type FieldSet } from './field-set.js';
import { escapeAsGo, sortedJson } from './path-element.js';
import type { TypedNode } from './typed-node.js';
import { compareTyped, fieldSetOf } from './typed-walk.js';

/** Only this manager migrates. */
export const migratingManager = 'kubectl';

const annotation = 'kubectl.kubernetes.io/last-applied-configuration';

/** All annotations together may have so many bytes. */
const maxAnnotationBytes = 256 * 1024;

function lastAppliedOf(object: KubeObject | undefined): string {
  const value: unknown = object?.metadata?.annotations?.[annotation];
  return typeof value === 'string' ? value : '';
}

/** The fields that the annotation names and whose live value still is the annotation's. */
export function fieldsProvenByLastApplied(
  type: TypedNode,
  live: KubeObject | undefined,
): FieldSet | undefined {
  const last = parseLastApplied(lastAppliedOf(live));
  if (last === undefined || last['apiVersion'] !== live?.apiVersion) return undefined;
  const delta = compareTyped(type, last, live);
  return difference(difference(fieldSetOf(type, last), delta.changed), delta.removed);
}

function parseLastApplied(text: string): JsonObject | undefined {
  if (text === '') return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch (error) {
    // Anybody can write the annotation; one that is no JSON proves nothing.
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The object with its annotation, if it has one, brought up to what was just applied. Dropped when it grew too large. */
export function refreshLastApplied(object: KubeObject, applied: KubeObject): KubeObject {
  if (lastAppliedOf(object) === '') return object;
  const value = serializeApplied(applied);
  if (value === lastAppliedOf(object)) return object;
  const annotations: Record<string, string> = { ...object.metadata.annotations, [annotation]: value };
  const size = Object.entries(annotations).reduce(
    (sum, [key, text]) => sum + Buffer.byteLength(key) + Buffer.byteLength(text),
    0,
  );
  if (size > maxAnnotationBytes) delete annotations[annotation];
  return { ...object, metadata: { ...object.metadata, annotations } };
}

function serializeApplied(applied: KubeObject): string {
  const { [annotation]: _own, ...annotations } = applied.metadata?.annotations ?? {};
  const metadata: KubeObject['metadata'] = { ...applied.metadata, annotations };
  if (Object.keys(annotations).length === 0) delete metadata.annotations;
  return `${escapeAsGo(sortedJson({ ...applied, metadata }))}\n`;
}
