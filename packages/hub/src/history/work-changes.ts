/**
 * What differs between two specs of a work: manifest by manifest, and in the rest. For people to read: secrets are
 * masked unless asked for. Pure.
 */
import { equal, isObject, type JsonObject, maskSecretPair, stringifyYaml } from '@flotilla/api';
import { unifiedDiff } from './line-diff.js';

export interface SpecChange {
  /** `Deployment.apps shop/web`, or `settings of the work`. */
  readonly title: string;
  readonly type: 'added' | 'removed' | 'changed';
  readonly before: unknown;
  readonly after: unknown;
}

/** In the order of the later spec, then what it has not any more, then the rest of the spec. */
export function changesBetween(before: JsonObject, after: JsonObject): SpecChange[] {
  const old = byTitle(before);
  const now = byTitle(after);
  const changes: SpecChange[] = [];
  for (const [title, manifest] of now) {
    const was = old.get(title);
    if (was === undefined) changes.push({ title, type: 'added', before: undefined, after: manifest });
    else if (!equal(was, manifest)) changes.push({ title, type: 'changed', before: was, after: manifest });
  }
  for (const [title, manifest] of old) {
    if (!now.has(title)) changes.push({ title, type: 'removed', before: manifest, after: undefined });
  }
  const [was, is] = [settingsOf(before), settingsOf(after)];
  if (!equal(was, is)) {
    changes.push({ title: 'settings of the work', type: 'changed', before: was, after: is });
  }
  return changes;
}

/** `+ConfigMap default/a, ~Deployment.apps shop/web`, in at most `max` parts. */
export function summarize(changes: readonly SpecChange[], max = 3): string {
  if (changes.length === 0) return 'nothing but the order';
  const signs = { added: '+', removed: '-', changed: '~' } as const;
  const shown = changes.slice(0, max).map(({ type, title }) => `${signs[type]}${title}`);
  return [...shown, ...(changes.length > max ? [`${changes.length - max} more`] : [])].join(', ');
}

/** One change as a unified diff of YAML. */
export function diffOf(
  { title, before, after }: SpecChange,
  { from, to, showSecrets }: { readonly from: string; readonly to: string; readonly showSecrets: boolean },
): string {
  const [was, is] = showSecrets ? [before, after] : maskSecretPair(before, after);
  const labels = { from: `${title} (${from})`, to: `${title} (${to})` };
  return unifiedDiff(toYaml(was), toYaml(is), labels);
}

function toYaml(value: unknown): string {
  return value === undefined ? '' : stringifyYaml(sortKeys(value));
}

/** Kinds in one group whose objects have one name differ by version only, and that is a change as any other. */
function byTitle(spec: JsonObject): Map<string, unknown> {
  const titles = new Map<string, unknown>();
  const workload = spec['workload'];
  const manifests = isObject(workload) && Array.isArray(workload['manifests']) ? workload['manifests'] : [];
  for (const manifest of manifests as unknown[]) {
    const title = titleOf(manifest);
    // Alternatives: the same object in several versions.
    titles.set(titles.has(title) ? `${title} (${versionOf(manifest)})` : title, manifest);
  }
  return titles;
}

function titleOf(manifest: unknown): string {
  if (!isObject(manifest)) return 'unreadable manifest';
  const metadata = isObject(manifest['metadata']) ? manifest['metadata'] : {};
  const [group] = versionOf(manifest).includes('/') ? versionOf(manifest).split('/') : [''];
  const namespace = metadata['namespace'] === undefined ? '' : `${String(metadata['namespace'])}/`;
  const kind = `${String(manifest['kind'])}${group ? `.${group}` : ''}`;
  return `${kind} ${namespace}${String(metadata['name'])}`;
}

function versionOf(manifest: unknown): string {
  return isObject(manifest) ? String(manifest['apiVersion']) : '';
}

function settingsOf(spec: JsonObject): JsonObject {
  const { workload: _, ...settings } = spec;
  return settings;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (!isObject(value)) return value;
  const rank = (key: string): string =>
    ['apiVersion', 'kind', 'metadata'].includes(key) ? `0${key}` : `1${key}`;
  const keys = Object.keys(value).sort((a, b) => (rank(a) < rank(b) ? -1 : 1));
  return Object.fromEntries(keys.map((key) => [key, sortKeys(value[key])]));
}
