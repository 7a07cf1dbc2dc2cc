/**
 * The store's key space: `/registry/<group or core>/<resource>/[<namespace>/]<name>`.
 * Group, resource, namespace and name hold no slash (every Kubernetes name rule forbids it), so a key parses back
 * to what it was made of. Key order is bytewise UTF-8, as in etcd. Pure.
 */

/** Everything the API server stores is under this prefix. */
export const registryPrefix = '/registry/';

/** A group and a plural resource; the core group is ''. */
export interface ResourceRef {
  readonly group: string;
  readonly resource: string;
}

/** `namespace` is absent or empty for a cluster-scoped object. */
export interface ObjectRef extends ResourceRef {
  readonly namespace?: string | undefined;
  readonly name: string;
}

/** Where a key belongs; `namespace` is '' for a cluster-scoped object. */
export interface ParsedKey {
  /** As resourcePrefix makes it. */
  readonly prefix: string;
  readonly namespace: string;
  readonly name: string;
}

/** `/registry/<group or core>/<resource>/`. */
export function resourcePrefix({ group, resource }: ResourceRef): string {
  return `${registryPrefix}${group === '' ? 'core' : group}/${resource}/`;
}

/** The key of one object. */
export function objectKey(ref: ObjectRef): string {
  const scope = ref.namespace === undefined || ref.namespace === '' ? '' : `${ref.namespace}/`;
  return `${resourcePrefix(ref)}${scope}${ref.name}`;
}

/** The inverse of objectKey; undefined for a key of another shape. */
export function parseKey(key: string): ParsedKey | undefined {
  if (!key.startsWith(registryPrefix)) return undefined;
  const groupEnd = key.indexOf('/', registryPrefix.length);
  const resourceEnd = groupEnd < 0 ? -1 : key.indexOf('/', groupEnd + 1);
  if (resourceEnd < 0) return undefined;
  const prefix = key.slice(0, resourceEnd + 1);
  const rest = key.slice(resourceEnd + 1);
  const slash = rest.indexOf('/');
  const namespace = slash < 0 ? '' : rest.slice(0, slash);
  const name = rest.slice(slash + 1);
  if (name === '' || slash === 0 || name.includes('/')) return undefined;
  return { prefix, namespace, name };
}

/** Order of two keys by their UTF-8 bytes. Differs from `<` only when one of them holds a surrogate pair. */
export function compareKeys(a: string, b: string): number {
  if (a === b) return 0;
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    if (left === right) continue;
    // Code points above U+FFFF are surrogates here, below U+E000, but sort after U+FFFF in UTF-8.
    const swap = left >= 0xd800 && right >= 0xd800 && isSurrogate(left) !== isSurrogate(right);
    return left < right === swap ? 1 : -1;
  }
  return a.length - b.length;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}
