/**
 * The definitions that a klusterlet needs in its managed cluster: the inventory of what is applied, and the cluster's
 * claims, as OCM's agent brings them along. One that was not there before is marked, so that leaving takes it away.
 */
import {
  appliedManifestWorkKind,
  clusterClaimKind,
  hasReason,
  installedByAnnotation,
  type KindDefinition,
  type KubeObject,
  klusterletFieldManager,
  toCrd,
} from '@flotilla/api';
import { type Env, type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';

export const managedKinds: readonly KindDefinition[] = [appliedManifestWorkKind, clusterClaimKind];

export async function installManagedDefinitions(
  managed: KubeClient,
  { log }: Pick<Env, 'log'>,
): Promise<void> {
  for (const kind of managedKinds) {
    const crd = toCrd(kind);
    await applyMarked(managed, wellKnown.customResourceDefinitions, crd);
    log.debug('definition applied', { crd: crd.metadata.name });
  }
}

/** Applies a cluster-scoped object; it keeps, or gets when it is new, the mark that it came with the klusterlet. */
export async function applyMarked(managed: KubeClient, ref: ResourceRef, object: KubeObject): Promise<void> {
  const { name = '' } = object.metadata;
  const isOurs = await isMarkedOrNew(managed, ref, name);
  const annotations = {
    ...object.metadata.annotations,
    ...(isOurs && { [installedByAnnotation]: 'klusterlet' }),
  };
  const body = { ...object, metadata: { ...object.metadata, annotations } };
  await managed.patch(
    ref,
    { name },
    { type: 'apply', body, fieldManager: klusterletFieldManager, force: true },
  );
}

async function isMarkedOrNew(managed: KubeClient, ref: ResourceRef, name: string): Promise<boolean> {
  try {
    const { metadata } = await managed.get<KubeObject>(ref, { name });
    return metadata.annotations?.[installedByAnnotation] !== undefined;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return true;
    throw error;
  }
}
