/**
 * Whether a requester may have a work applied by the service account that it names as executor (work.md 1.4): a
 * permission that stands in RBAC rules only. Asked when the executor is set or changed.
 */
import { type ManifestWork, newBadRequest, virtualPermissions } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { isAllowed, type Requester } from './rule.js';

/** @throws StatusError 400, with OCM's words, when not. */
export async function checkExecutor(
  request: { work: ManifestWork; old: ManifestWork | undefined; user: Requester; namespace: string },
  client: KubeClient,
): Promise<void> {
  const executor = request.work.spec?.executor;
  if (executor === undefined || JSON.stringify(executor) === JSON.stringify(request.old?.spec?.executor))
    return;
  const account = executor.subject?.serviceAccount;
  if (account === undefined) throw newBadRequest('executor service account can not be nil');
  const { group, resource, verb } = virtualPermissions.executeAs;
  const name = `system:serviceaccount:${account.namespace}:${account.name}`;
  const { user, namespace } = request;
  if (await isAllowed(client, { user, attributes: { group, resource, verb, namespace, name } })) return;
  throw newBadRequest(
    `user ${user.username} cannot manipulate the Manifestwork with executor ${account.namespace}/${account.name} in namespace ${namespace}`,
  );
}
