/**
 * Takes away what the klusterlet itself put into the managed cluster: the copy of its credentials, its namespace, those
 * of cluster sets, and the definitions of its kinds. Only what it made (see `installedByAnnotation`) and nobody else uses
 * by now.
 */
import {
  hasReason,
  installedByAnnotation,
  type KubeObject,
  klusterletFieldManager,
  klusterletKind,
} from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { managedKinds } from '../registration/managed-definitions.js';
import { agentNamespaceOf, removeSecondCopy } from '../registration/second-copy.js';
import type { LeaveOptions } from './leave-options.js';
import { removeAndWait } from './remove-and-wait.js';
import { removeManagedNamespaces } from './remove-managed-namespaces.js';

/** What stays, and why: one sentence each. */
export async function removeTraces(options: LeaveOptions): Promise<readonly string[]> {
  await removeSecondCopy(options.managed, options.config);
  const kept = [...(await removeManagedNamespaces(options)), await removeNamespace(options)];
  for (const kind of [...managedKinds, klusterletKind]) {
    const ref = {
      group: kind.group,
      version: kind.version,
      resource: kind.plural,
      namespaced: kind.namespaced,
    };
    kept.push(await removeDefinition(options, ref));
  }
  return kept.filter((sentence) => sentence !== undefined);
}

/** What lives in a namespace that is used, beyond what Kubernetes puts into every one. */
const inhabitants: readonly ResourceRef[] = [
  wellKnown.secrets,
  wellKnown.configMaps,
  wellKnown.serviceAccounts,
  wellKnown.pods,
  wellKnown.deployments,
  wellKnown.roles,
  wellKnown.roleBindings,
];
const everywhere = new Set(['configmaps/kube-root-ca.crt', 'serviceaccounts/default']);

async function removeNamespace(options: LeaveOptions): Promise<string | undefined> {
  const { managed, config } = options;
  const name = agentNamespaceOf(config);
  const namespace = await findOurs(options, wellKnown.namespaces, name);
  if (namespace === undefined) return undefined;
  const lists = await Promise.all(
    inhabitants.map(async (ref) => {
      const { items } = await managed.list<KubeObject>(ref, { namespace: name, metadataOnly: true });
      return items.map(({ metadata }) => `${ref.resource}/${metadata.name}`);
    }),
  );
  const others = lists.flat().filter((each) => !everywhere.has(each));
  if (others.length > 0) return `the namespace ${name} stays: it holds ${others.slice(0, 3).join(', ')}`;
  await removeAndWait(options, wellKnown.namespaces, name);
  return undefined;
}

async function removeDefinition(options: LeaveOptions, ref: ResourceRef): Promise<string | undefined> {
  const name = `${ref.resource}.${ref.group}`;
  const definition = await findOurs(options, wellKnown.customResourceDefinitions, name);
  if (definition === undefined) return undefined;
  if (isAppliedByOthers(definition)) return `the definition ${name} stays: another program applies it, too`;
  const { items } = await options.managed.list<KubeObject>(ref, { metadataOnly: true });
  if (items.length > 0)
    return `the definition ${name} stays: there are objects of its kind, ${items[0]?.metadata.name} for one`;
  await removeAndWait(options, wellKnown.customResourceDefinitions, name);
  return undefined;
}

function isAppliedByOthers({ metadata }: KubeObject): boolean {
  return (metadata.managedFields ?? []).some(
    ({ operation, manager }) => operation === 'Apply' && manager !== klusterletFieldManager,
  );
}

/** Undefined when it is not there, or was there before the klusterlet. */
async function findOurs(
  { managed }: LeaveOptions,
  ref: ResourceRef,
  name: string,
): Promise<KubeObject | undefined> {
  try {
    const found = await managed.get<KubeObject>(ref, { name });
    return found.metadata.annotations?.[installedByAnnotation] === undefined ? undefined : found;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}
