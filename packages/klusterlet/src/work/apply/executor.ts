/**
 * The service account that a work names as its executor. It is asked first whether it may do all that applying a
 * manifest means, so that OCM's conditions come out, and for RBAC objects whether it may grant them. Then, unlike with
 * OCM, it is the executor that reads, writes and deletes: the managed cluster's own RBAC has the last word.
 */
import { hasReason, type KubeObject, type ManifestWorkExecutor, serviceAccountUserName } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import type { Target } from '../planning/plan-manifests.js';
import { normalizeManifest } from './normalize.js';
import type { NotApplied } from './outcome.js';

export interface ExecutorAccount {
  readonly namespace: string;
  readonly name: string;
}

export interface ExecutorOptions {
  readonly client: KubeClient;
  readonly signal: AbortSignal;
  readonly retryAfterMs: number;
}

const rbacGroup = 'rbac.authorization.k8s.io';
const grantingResources = new Set(['roles', 'rolebindings', 'clusterroles', 'clusterrolebindings']);

/** The client of the executor, or of the agent itself when there is none. */
export function actingAs(client: KubeClient, account: ExecutorAccount | undefined): KubeClient {
  if (account === undefined) return client;
  // Its groups are left to the server: to name them would need the permission to impersonate groups.
  return client.impersonate(identityOf(account).user, []);
}

/** Undefined when the work names no executor, or none that is known. */
export function accountOf(executor: ManifestWorkExecutor | undefined): ExecutorAccount | undefined {
  return executor?.subject?.type === 'ServiceAccount' ? executor.subject.serviceAccount : undefined;
}

function identityOf({ namespace, name }: ExecutorAccount): Identity {
  return {
    user: serviceAccountUserName(namespace, name),
    groups: ['system:serviceaccounts', 'system:authenticated', `system:serviceaccounts:${namespace}`],
  };
}

/** Undefined when the manifest may be applied. @throws when the cluster cannot be asked. */
export async function refuseForExecutor(
  target: Target,
  executor: ManifestWorkExecutor | undefined,
  options: ExecutorOptions,
): Promise<NotApplied | undefined> {
  if (executor?.subject === undefined) return undefined;
  const { type, serviceAccount } = executor.subject;
  if (type !== 'ServiceAccount') return failure(`only support ServiceAccount type for the executor`, 'later');
  if (serviceAccount === undefined) return failure('the executor service account is nil', 'later');
  const { user, groups } = identityOf(serviceAccount);
  const verbs = ['create', 'update', 'patch', 'get', ...(target.owned ? ['delete'] : [])];
  const answers = await Promise.all(verbs.map((verb) => isAllowed(target, { verb, user, groups }, options)));
  if (answers.includes(false)) return denied(target, '', options);
  if (target.ref.group !== rbacGroup || !grantingResources.has(target.ref.resource)) return undefined;
  return (await mayGrant(target, user, options))
    ? undefined
    : denied(target, ', error: permission escalation', options);
}

function failure(message: string, retry: NotApplied['retry']): NotApplied {
  return { ok: false, reason: 'AppliedManifestFailed', message, live: undefined, retry };
}

function denied({ ref, key }: Target, suffix: string, { retryAfterMs }: ExecutorOptions): NotApplied {
  const minutes = Math.floor(retryAfterMs / 60_000);
  const pause = `${minutes}m${Math.round((retryAfterMs % 60_000) / 1000)}s`;
  const message = `not allowed to apply the resource ${ref.group} ${ref.resource}, ${key.namespace ?? ''} ${key.name}, will try again in ${pause}${suffix}`;
  return { ...failure(message, 'later'), retryAfterMs };
}

interface Identity {
  readonly user: string;
  readonly groups: readonly string[];
}

async function isAllowed(
  { ref, key }: Target,
  { verb, user, groups }: Identity & { readonly verb: string },
  { client, signal }: ExecutorOptions,
): Promise<boolean> {
  const { group, version, resource } = ref;
  const review = await client.create<KubeObject & { status?: { allowed?: boolean } }>(
    wellKnown.subjectAccessReviews,
    {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SubjectAccessReview',
      metadata: {},
      spec: {
        user,
        groups,
        resourceAttributes: {
          verb,
          group,
          version,
          resource,
          name: key.name,
          ...(key.namespace !== undefined && { namespace: key.namespace }),
        },
      },
    },
    { signal },
  );
  return review.status?.allowed === true;
}

/** The server checks escalation before it looks whether the object exists. */
async function mayGrant(target: Target, user: string, { client, signal }: ExecutorOptions): Promise<boolean> {
  try {
    const object = normalizeManifest(target.manifest, target.key.namespace ?? '');
    await client.impersonate(user, []).create(target.ref, object, { dryRun: true, signal });
    return true;
  } catch (error) {
    if (hasReason(error, 'Forbidden')) return false;
    if (hasReason(error, 'AlreadyExists')) return true;
    throw error;
  }
}
