/** Checks of the cluster that is managed: that it is there, and what the klusterlet may do in it. */
import { agentNamespace, clusterGroupName, workGroupName } from '@flotilla/api';
import type { Env, KubeClient } from '@flotilla/kube';
import {
  type Checklist,
  type Finding,
  failure,
  formatRight,
  missingRights,
  ok,
  type Right,
  warning,
} from '@flotilla/kube/cli';
import type { KlusterletConfig } from '../registration/state.js';
import { connectManaged } from './connections.js';

export interface ManagedCheckOptions {
  readonly env: Env;
  readonly config: Pick<KlusterletConfig, 'kubeconfig' | 'namespace'>;
}

/** Without these it cannot work at all. */
function ownRights(namespace: string): Right[] {
  const definitions = { group: 'apiextensions.k8s.io', resource: 'customresourcedefinitions' };
  const inventory = { group: workGroupName, resource: 'appliedmanifestworks' };
  return [
    ...['get', 'create', 'patch', 'list', 'watch'].map((verb) => ({ verb, ...definitions })),
    ...['create', 'get', 'list', 'watch', 'patch', 'delete'].map((verb) => ({ verb, ...inventory })),
    { verb: 'patch', ...inventory, subresource: 'status' },
    ...['list', 'watch'].map((verb) => ({ verb, group: '', resource: 'nodes' })),
    ...['list', 'watch'].map((verb) => ({ verb, group: clusterGroupName, resource: 'clusterclaims' })),
    ...['get', 'create', 'patch'].map((verb) => ({ verb, group: '', resource: 'secrets', namespace })),
  ];
}

/** What most works hold: without, those works are refused, and say so. */
const workRights: readonly Right[] = [
  { verb: 'create', group: '', resource: 'namespaces' },
  { verb: 'create', group: '', resource: 'configmaps' },
  { verb: 'create', group: '', resource: 'services' },
  { verb: 'create', group: 'apps', resource: 'deployments' },
];

/** By which the health of add-ons is told. */
const addonRights: readonly Right[] = [{ verb: 'get', group: 'coordination.k8s.io', resource: 'leases' }];

/** Adds `cluster` and `cluster rights`. */
export async function checkManagedCluster(
  list: Checklist,
  { env, config }: ManagedCheckOptions,
): Promise<void> {
  const where = config.kubeconfig ?? 'the service account of this pod';
  let client: KubeClient | undefined;
  try {
    await list.run(
      'cluster',
      async () => {
        client = (await connectManaged(env, config.kubeconfig)).client;
        const { gitVersion } = await versionOf(client, where);
        return ok(`the managed cluster answers (${gitVersion ?? 'of unknown version'})`);
      },
      {
        fix: `see whether the cluster of ${where} runs ("kubectl version"), or name another kubeconfig by --kubeconfig`,
      },
    );
    await list.run('cluster rights', () => checkRights(client, config), { needs: ['cluster'] });
  } finally {
    await client?.transport.close();
  }
}

async function versionOf(client: KubeClient, where: string): Promise<{ gitVersion?: string }> {
  try {
    return JSON.parse(await client.getText('/version', { timeoutMs: 10_000 })) as { gitVersion?: string }; // version.Info
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`the managed cluster of ${where} cannot be reached: ${why}`, { cause });
  }
}

async function checkRights(
  client: KubeClient | undefined,
  { namespace = agentNamespace }: ManagedCheckOptions['config'],
): Promise<Finding> {
  if (client === undefined) throw new Error('the managed cluster is not connected');
  const missing = await missingRights(client, ownRights(namespace));
  if (missing.length > 0)
    return failure(
      `in the managed cluster (RBAC) the klusterlet may not ${missing.map(formatRight).join(', ')}`,
      'use the kubeconfig of an administrator, or bind the roles of deploy/klusterlet to its user',
    );
  const lacking = await missingRights(client, workRights);
  if (lacking.length > 0)
    return warning(
      `works that hold such things will be refused: it may not ${lacking.map(formatRight).join(', ')}`,
      'bind the ClusterRole admin to its user, or name executors in the works',
    );
  const unseen = await missingRights(client, addonRights);
  if (unseen.length > 0)
    return warning(
      `the hub will not learn how add-ons are: it may not ${unseen.map(formatRight).join(', ')}`,
      'bind the roles of deploy/klusterlet to its user; without add-ons there is nothing to do',
    );
  return ok('the klusterlet may do in its cluster what it needs');
}
