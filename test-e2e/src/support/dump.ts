/** All that an API server holds, to compare before and after. */
import { must } from './fleet.js';
import type { Result } from './processes.js';

type Kubectl = (...args: string[]) => Promise<Result>;

interface Dumped {
  readonly kind: string;
  readonly metadata: { readonly name: string; readonly namespace?: string };
}

/** Heartbeats of the server itself, and what it says of them. */
const restless = new Set([
  'leases.coordination.k8s.io',
  'events',
  'events.events.k8s.io',
  'componentstatuses',
]);

/** Every object as JSON text by `<resource> <namespace>/<name>`, without what each write changes. */
export async function dumpAll(kubectl: Kubectl): Promise<Map<string, string>> {
  const all = must(await kubectl('api-resources', '--verbs=list', '-o', 'name'))
    .trim()
    .split('\n');
  const resources = all.filter((each) => !restless.has(each));
  const dumped = new Map<string, string>();
  for (const resource of resources) {
    const { items } = JSON.parse(must(await kubectl('get', resource, '-A', '-o', 'json'))) as {
      items: Dumped[];
    };
    for (const item of items) {
      const { metadata, ...rest } = item as Dumped & { status?: object };
      const {
        resourceVersion: _,
        managedFields: __,
        generation: ___,
        ...kept
      } = metadata as Record<string, unknown>;
      const name = `${resource} ${metadata.namespace ?? ''}/${metadata.name}`;
      const { status: ____, ...lasting } = rest as Record<string, unknown>;
      dumped.set(name, JSON.stringify({ ...lasting, metadata: kept }));
    }
  }
  return dumped;
}

/** What is in one and not, or otherwise, in the other. */
export function differences(
  before: ReadonlyMap<string, string>,
  after: ReadonlyMap<string, string>,
): string[] {
  const gone = [...before.keys()].filter((name) => !after.has(name)).map((name) => `gone: ${name}`);
  const more = [...after.keys()].filter((name) => !before.has(name)).map((name) => `left: ${name}`);
  const changed = [...before].filter(([name, text]) => after.has(name) && after.get(name) !== text);
  return [
    ...gone,
    ...more,
    ...changed.map(([name]) => `changed: ${name}: ${before.get(name)} -> ${after.get(name)}`),
  ];
}
