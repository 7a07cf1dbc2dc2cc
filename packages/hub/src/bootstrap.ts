/**
 * What a hub's API must hold before its controllers can work: the definitions of OCM's kinds, and what a bootstrap
 * token may do. Applied at every start, so that a newer version brings its own.
 */
import {
  clusterGroupName,
  defaultClusterSetName,
  type HasConditions,
  hubFieldManager,
  isConditionTrue,
  type KubeObject,
  kinds,
  toCrd,
} from '@flotilla/api';
import { type Env, type KubeClient, type ResourceRef, sleep, wellKnown } from '@flotilla/kube';
import { expiredAgentsGroup } from './identity/expired-agent.js';
import { invitationPath } from './invitations/invitation.js';
import { bootstrapGroup } from './tokens/bootstrap-token.js';

const rbacVersion = 'rbac.authorization.k8s.io/v1';
const bootstrapRoleName = 'open-cluster-management:bootstrap';
const establishTimeoutMs = 30_000;

/** Rules of OCM's cluster-manager chart (registration.md 6.4) with the default cluster set in place of every one. */
function bootstrapRole(): KubeObject[] {
  const verbs = ['create', 'get', 'list', 'watch'];
  return [
    {
      apiVersion: rbacVersion,
      kind: 'ClusterRole',
      metadata: { name: bootstrapRoleName },
      rules: [
        { apiGroups: ['certificates.k8s.io'], resources: ['certificatesigningrequests'], verbs },
        { apiGroups: [clusterGroupName], resources: ['managedclusters'], verbs },
        {
          apiGroups: [clusterGroupName],
          resources: ['managedclustersets/join'],
          verbs: ['create'],
          resourceNames: [defaultClusterSetName],
        },
      ],
    },
    {
      apiVersion: rbacVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: `${bootstrapRoleName}:managedcluster` },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: bootstrapRoleName },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: bootstrapGroup }],
    },
  ];
}

/** Everybody may show an invitation: `kubectl apply -f URL` shows no credentials. Its secret is what counts. */
function invitationRole(): KubeObject[] {
  const name = 'flotilla.dev:join-invitations';
  const apiGroup = 'rbac.authorization.k8s.io';
  return [
    {
      apiVersion: rbacVersion,
      kind: 'ClusterRole',
      metadata: { name },
      rules: [{ nonResourceURLs: [`/${invitationPath}/*`], verbs: ['get'] }],
    },
    {
      apiVersion: rbacVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name },
      roleRef: { apiGroup, kind: 'ClusterRole', name },
      subjects: ['system:unauthenticated', 'system:authenticated'].map((group) => ({
        kind: 'Group',
        apiGroup,
        name: group,
      })),
    },
  ];
}

/** What an agent can do whose certificate has expired: ask for another. Admission says which. */
function expiredAgentRole(): KubeObject[] {
  const rules = [
    {
      apiGroups: ['certificates.k8s.io'],
      resources: ['certificatesigningrequests'],
      verbs: ['create', 'get', 'list', 'watch'],
    },
  ];
  return [
    { apiVersion: rbacVersion, kind: 'ClusterRole', metadata: { name: expiredAgentsGroup }, rules },
    {
      apiVersion: rbacVersion,
      kind: 'ClusterRoleBinding',
      metadata: { name: expiredAgentsGroup },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: expiredAgentsGroup },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: expiredAgentsGroup }],
    },
  ];
}

/** @throws Error naming the definition that does not become established in time. */
export async function installHubApi(client: KubeClient, env: Env, signal: AbortSignal): Promise<void> {
  const definitions = kinds
    .filter(({ plural }) => plural !== 'appliedmanifestworks' && plural !== 'klusterlets')
    .map((kind) => toCrd(kind));
  const roles = [...bootstrapRole(), ...expiredAgentRole(), ...invitationRole()];
  await Promise.all([
    ...definitions.map((crd) => apply(client, wellKnown.customResourceDefinitions, crd)),
    ...roles.map((object) =>
      apply(
        client,
        object.kind === 'ClusterRole' ? wellKnown.clusterRoles : wellKnown.clusterRoleBindings,
        object,
      ),
    ),
  ]);
  await Promise.all(definitions.map((crd) => waitEstablished(client, crd, { env, signal })));
}

async function apply(client: KubeClient, ref: ResourceRef, object: KubeObject): Promise<void> {
  const options = { type: 'apply', body: object, fieldManager: hubFieldManager, force: true } as const;
  await client.patch(ref, { name: object.metadata.name ?? '' }, options);
}

async function waitEstablished(
  client: KubeClient,
  crd: KubeObject,
  { env, signal }: { env: Env; signal: AbortSignal },
): Promise<void> {
  const name = crd.metadata.name ?? '';
  const deadlineMs = env.clock.monotonicMs() + establishTimeoutMs;
  for (;;) {
    const live = await client.get<KubeObject>(wellKnown.customResourceDefinitions, { name });
    if (isConditionTrue(live as HasConditions, 'Established')) return;
    if (env.clock.monotonicMs() > deadlineMs) throw new Error(`the definition ${name} is not established`);
    await sleep(env.clock, 50, signal);
  }
}
