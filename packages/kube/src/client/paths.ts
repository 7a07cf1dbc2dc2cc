/** URL paths and queries of Kubernetes resources. Pure. Called by the client. */
import type { ResourceRef } from './client.js';

export interface ResourceLocation {
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
}

/** The path of a collection, an object or a subresource; namespace is ignored for cluster-scoped resources. */
export function resourcePath(ref: ResourceRef, { namespace, name, subresource }: ResourceLocation): string {
  let path = ref.group === '' ? `/api/${ref.version}` : `/apis/${ref.group}/${ref.version}`;
  if (ref.namespaced && namespace !== undefined && namespace !== '') {
    path += `/namespaces/${encodeText(namespace)}`;
  }
  path += `/${ref.resource}`;
  if (name !== undefined) path += `/${encodeText(name)}`;
  if (subresource !== undefined) path += `/${subresource}`;
  return path;
}

/** `?a=b&c=d` of the values that are set, or nothing. */
export function queryString(values: Readonly<Record<string, string | number | boolean | undefined>>): string {
  let query = '';
  for (const [key, value] of Object.entries(values)) {
    if (value === undefined || value === '') continue;
    query += `${query === '' ? '?' : '&'}${key}=${encodeText(String(value))}`;
  }
  return query;
}

/** Half a surrogate pair is no character that a URL could have: it is sent as U+FFFD, and names nothing. */
function encodeText(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'));
}
