/**
 * What a ManifestWork must satisfy beyond its schema, as OCM's webhook has it: texts, order and the 400 included.
 * Beyond OCM, rules that could never be evaluated are refused. Whether the requester may use the executor is not decided here. Called by the hub's admission. Pure.
 */
import { equal, isObject, type JsonObject } from '../json.js';
import type { ManifestWork } from '../kinds/manifest-work.js';
import type { Manifest } from '../kinds/manifest-work-spec.js';
import { manifestWorkNameMaxLength, manifestWorkSizeLimitBytes } from '../names.js';
import { newBadRequest } from '../status.js';
import { validateManifestConfigs } from './manifest-configs.js';
import { utf8Length } from './utf8-length.js';

export interface ManifestLimits {
  /** Sum of the serialized sizes of all manifests; default `manifestWorkSizeLimitBytes`. */
  readonly sizeLimitBytes?: number;
}

/** An error quotes no more than this of a manifest that it cannot read. */
const quoteLength = 512;

/**
 * Throws a StatusError (400 BadRequest) for the first fault of the work's manifests, then of the rules about them.
 * With `old`, manifests and rules that did not change are not judged again: a limit that was lowered must not keep a
 * finalizer from being removed.
 */
export function validateManifestWork(
  work: ManifestWork,
  options: ManifestLimits & { readonly old?: ManifestWork } = {},
): void {
  // Names never change, so that only new works are judged.
  if (options.old === undefined) validateName(work.metadata?.name ?? '');
  const manifests = work.spec?.workload?.manifests ?? [];
  if (options.old === undefined || !equal(manifests, options.old.spec?.workload?.manifests ?? [])) {
    validateManifests(manifests, options);
  }
  validateManifestConfigs(work.spec?.manifestConfigs ?? [], options.old?.spec?.manifestConfigs);
}

/** The klusterlet could not record such a work in its cluster, and OCM's agent would only log that. */
function validateName(name: unknown): void {
  if (typeof name === 'string' && name.length <= manifestWorkNameMaxLength) return;
  throw newBadRequest(
    `metadata.name: Invalid value: ${JSON.stringify(name)}: must be no more than ${manifestWorkNameMaxLength} characters, since it becomes part of the name of an AppliedManifestWork`,
  );
}

/** The same for a bare list of manifests. */
export function validateManifests(manifests: readonly Manifest[], limits: ManifestLimits = {}): void {
  if (manifests.length === 0) throw newBadRequest('manifests should not be empty');
  const limit = limits.sizeLimitBytes ?? manifestWorkSizeLimitBytes;
  const texts = manifests.map((manifest) => JSON.stringify(manifest) ?? 'null');
  const size = texts.reduce((sum, text) => sum + utf8Length(text), 0);
  if (size > limit) {
    throw newBadRequest(`the size of manifests is ${size} bytes which exceeds the ${limit} limit`);
  }
  const seen = new Set<string>();
  for (const [index, manifest] of manifests.entries()) {
    const identity = readIdentity(manifest, texts[index] ?? '');
    const { apiVersion, kind, namespace, name } = identity;
    const key = JSON.stringify([apiVersion, kind, namespace, name]);
    if (seen.has(key)) {
      throw newBadRequest(
        `duplicate manifest for resource ${namespace}/${name} with resource type ${apiVersion}.${kind}`,
      );
    }
    seen.add(key);
  }
}

interface Identity {
  readonly apiVersion: string;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

function readIdentity(manifest: unknown, text: string): Identity {
  const object: JsonObject = isObject(manifest) ? manifest : {};
  const metadata: JsonObject = isObject(object['metadata']) ? object['metadata'] : {};
  const kind = textOf(object, 'kind');
  if (kind === '') throw newBadRequest(`Object 'Kind' is missing in '${quote(text)}'`);
  const apiVersion = textOf(object, 'apiVersion');
  if (apiVersion === '') throw newBadRequest(`Object 'apiVersion' is missing in '${quote(text)}'`);
  const name = textOf(metadata, 'name');
  if (name === '') throw newBadRequest('name must be set in manifest');
  if (textOf(metadata, 'generateName') !== '') {
    throw newBadRequest('generateName must not be set in manifest');
  }
  return { apiVersion, kind, namespace: textOf(metadata, 'namespace'), name };
}

function textOf(object: JsonObject, key: string): string {
  const value = Object.hasOwn(object, key) ? object[key] : undefined;
  return typeof value === 'string' ? value : '';
}

function quote(text: string): string {
  return text.length <= quoteLength ? text : `${text.slice(0, quoteLength)}...`;
}
