/**
 * Reads discovery documents, aggregated and legacy, into one list of served resources. What is malformed is passed
 * over, so that a broken aggregated API hides none of the others. Pure. Called by `createDiscovery`.
 */
import { isObject, type JsonObject, parseApiVersion } from '@flotilla/api';
import type { ResourceRef } from '../client/client.js';

/** One resource of one served version. */
export interface ServedResource extends ResourceRef {
  readonly kind: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
  /** True for the version of its group that the server prefers. */
  readonly preferred: boolean;
}

/** What is known of one group's version. */
export interface DiscoveredVersion {
  readonly group: string;
  readonly version: string;
  readonly preferred: boolean;
  /** Undefined when the server could not say now: a stale aggregated API. */
  readonly resources: readonly ServedResource[] | undefined;
}

/** An `APIGroupDiscoveryList`, v2 or v2beta1. */
export function readAggregated(document: unknown): DiscoveredVersion[] {
  const found: DiscoveredVersion[] = [];
  for (const item of objectsOf(document, 'items')) {
    const metadata = isObject(item['metadata']) ? item['metadata'] : {};
    const group = textOf(metadata, 'name');
    for (const [index, entry] of objectsOf(item, 'versions').entries()) {
      const place = { group, version: textOf(entry, 'version'), preferred: index === 0 };
      const stale = entry['freshness'] === 'Stale';
      const resources = objectsOf(entry, 'resources').flatMap((resource) => fromAggregated(resource, place));
      found.push({ ...place, resources: stale && resources.length === 0 ? undefined : resources });
    }
  }
  return found;
}

interface Place {
  readonly group: string;
  readonly version: string;
  readonly preferred: boolean;
}

function fromAggregated(entry: JsonObject, place: Place): ServedResource[] {
  const responseKind = isObject(entry['responseKind']) ? entry['responseKind'] : {};
  const kind = textOf(responseKind, 'kind');
  if (kind === '') return []; // only its subresources are served
  return [
    {
      ...place,
      resource: textOf(entry, 'resource'),
      namespaced: entry['scope'] === 'Namespaced',
      kind,
      singular: textOf(entry, 'singularResource'),
      shortNames: textsOf(entry, 'shortNames'),
      categories: textsOf(entry, 'categories'),
      verbs: textsOf(entry, 'verbs'),
      subresources: objectsOf(entry, 'subresources').map((sub) => textOf(sub, 'subresource')),
    },
  ];
}

/** The group versions of a legacy `APIVersions` or `APIGroupList`, preferred first in each group. */
export function readGroups(document: unknown): Omit<DiscoveredVersion, 'resources'>[] {
  const core = isObject(document) ? textsOf(document, 'versions') : [];
  const found = core.map((version, index) => ({ group: '', version, preferred: index === 0 }));
  for (const item of objectsOf(document, 'groups')) {
    const preferred = isObject(item['preferredVersion']) ? textOf(item['preferredVersion'], 'version') : '';
    const versions = objectsOf(item, 'versions').map((entry) => textOf(entry, 'version'));
    for (const version of versions) {
      const isPreferred = version === (preferred === '' ? versions[0] : preferred);
      found.push({ group: textOf(item, 'name'), version, preferred: isPreferred });
    }
  }
  return found;
}

/** A legacy `APIResourceList`. */
export function readResources(document: unknown, preferred: boolean): ServedResource[] {
  if (!isObject(document)) return [];
  const { group, version } = parseApiVersion(textOf(document, 'groupVersion'));
  const entries = objectsOf(document, 'resources');
  const subresources = new Map<string, string[]>();
  for (const entry of entries) {
    const [parent = '', ...rest] = textOf(entry, 'name').split('/');
    if (rest.length > 0) subresources.set(parent, [...(subresources.get(parent) ?? []), rest.join('/')]);
  }
  return entries
    .filter((entry) => !textOf(entry, 'name').includes('/'))
    .map((entry) => ({
      group,
      version,
      preferred,
      resource: textOf(entry, 'name'),
      namespaced: entry['namespaced'] === true,
      kind: textOf(entry, 'kind'),
      singular: textOf(entry, 'singularName'),
      shortNames: textsOf(entry, 'shortNames'),
      categories: textsOf(entry, 'categories'),
      verbs: textsOf(entry, 'verbs'),
      subresources: subresources.get(textOf(entry, 'name')) ?? [],
    }));
}

function objectsOf(parent: unknown, field: string): JsonObject[] {
  const value = isObject(parent) ? parent[field] : undefined;
  return Array.isArray(value) ? value.filter(isObject) : [];
}

function textsOf(parent: JsonObject, field: string): string[] {
  const value = parent[field];
  return Array.isArray(value) ? value.filter((item) => typeof item === 'string') : [];
}

function textOf(parent: JsonObject, field: string): string {
  const value = parent[field];
  return typeof value === 'string' ? value : '';
}
