/**
 * The namespaces that cluster sets of the hub wanted here: one that the klusterlet made and that holds nothing goes; the
 * others, and all of them when workloads are kept, lose its marks and stay with what is in them. Called by `remove-traces.ts`.
 */
import {
  clusterSetNamespaceLabelPrefix,
  hasReason,
  installedByAnnotation,
  type KubeObject,
  klusterletFieldManager,
} from '@flotilla/api';
import { createDiscovery, type ServedResource, wellKnown } from '@flotilla/kube';
import { managedNamespaceLabel } from '../registration/managed-namespaces.js';
import type { LeaveOptions } from './leave-options.js';
import { removeAndWait } from './remove-and-wait.js';

/** What stays, and why: one sentence each. */
export async function removeManagedNamespaces(options: LeaveOptions): Promise<readonly string[]> {
  const { managed, env, config, keepWorkloads, signal } = options;
  const label = managedNamespaceLabel(config.hubServer);
  const { items } = await managed.list<KubeObject>(wellKnown.namespaces, {
    labelSelector: label,
    metadataOnly: true,
  });
  if (items.length === 0) return [];
  const discovery = createDiscovery(managed, { env });
  await discovery.refresh(signal);
  const kinds = discovery.all().filter(isLookedAt);
  const kept: string[] = [];
  for (const namespace of items) {
    const { name = '' } = namespace.metadata;
    const isOurs = !keepWorkloads && namespace.metadata.annotations?.[installedByAnnotation] !== undefined;
    const why = isOurs ? await whyKept(options, { namespace, label, kinds }) : undefined;
    if (isOurs && why === undefined) {
      await removeAndWait(options, wellKnown.namespaces, name);
      continue;
    }
    const metadata = { labels: { [label]: null }, annotations: { [installedByAnnotation]: null } };
    const patch = { type: 'merge', body: { metadata }, fieldManager: klusterletFieldManager } as const;
    await managed.patch(wellKnown.namespaces, { name }, patch);
    if (why !== undefined) kept.push(`the namespace ${name} stays: ${why}`);
  }
  return kept;
}

/** Events and metrics are told of what lives in a namespace, and end with it. */
const retold = new Set(['events', 'events.events.k8s.io', 'pods.metrics.k8s.io']);

function isLookedAt({ group, resource, namespaced, preferred, verbs }: ServedResource): boolean {
  return namespaced && preferred && verbs.includes('list') && !retold.has(nameOf({ group, resource }));
}

function nameOf({ group, resource }: Pick<ServedResource, 'group' | 'resource'>): string {
  return group === '' ? resource : `${resource}.${group}`;
}

/** What Kubernetes puts into every namespace. */
const everywhere = new Set(['configmaps/kube-root-ca.crt', 'serviceaccounts/default']);

interface Kept {
  readonly namespace: KubeObject;
  readonly label: string;
  readonly kinds: readonly ServedResource[];
}

/** Undefined: nobody else uses it. */
async function whyKept(
  { managed }: LeaveOptions,
  { namespace: { metadata }, label, kinds }: Kept,
): Promise<string | undefined> {
  const { name = '', labels = {} } = metadata;
  const isOfOthers = Object.keys(labels).some(
    (key) => key.startsWith(clusterSetNamespaceLabelPrefix) && key !== label && labels[key] === 'true',
  );
  if (isOfOthers) return 'a cluster set of another hub manages it, too';
  try {
    const lists = await Promise.all(
      kinds.map(async (kind) => {
        const { items } = await managed.list<KubeObject>(kind, { namespace: name, metadataOnly: true });
        return items.map((item) => `${nameOf(kind)}/${item.metadata.name}`);
      }),
    );
    const others = lists.flat().filter((each) => !everywhere.has(each));
    return others.length > 0 ? `it holds ${others.slice(0, 3).join(', ')}` : undefined;
  } catch (error) {
    if (hasReason(error, 'Forbidden')) return `what it holds cannot be seen: ${error.message}`;
    throw error;
  }
}
