/**
 * PersistentVolumeClaims: each is bound to the volume that it names, or to one made for it that goes when the claim
 * does. There is no storage behind any of them.
 */
import { type JsonObject, type KubeObject, simulationAnnotations } from '@flotilla/api';
import { type Controller, createController, keyOf } from '@flotilla/kube';
import { at, listAt, objectAt, textAt } from '../../builtin/access.js';
import { recordEvents } from './event-recorder.js';
import { enqueueChanged, type SimulatedCluster } from './simulated-cluster.js';

const provisioner = 'stand-in.flotilla.dev/none';
const provisionerAnnotation = 'pv.kubernetes.io/provisioned-by';

export function createVolumeClaimLoop(cluster: SimulatedCluster): Controller {
  const claims = cluster.informer('', 'persistentvolumeclaims');
  const volumes = cluster.informer('', 'persistentvolumes');
  const byVolume = claims.cache.addIndex((claim) => [textAt(claim, 'spec', 'volumeName')]);
  const binder = new Binder(cluster);
  const controller = createController({
    name: 'stand-in-volume-claims',
    env: cluster.env,
    concurrency: 8,
    maxDelayMs: 10_000,
    // A claim's key has a namespace, a volume's has none.
    reconcile: (key) => (key.includes('/') ? binder.syncClaim(key) : binder.syncVolume(key)),
  });
  enqueueChanged(claims, controller);
  enqueueChanged(volumes, controller);
  claims.onChange(({ type, object }) => {
    const volume = textAt(object, 'spec', 'volumeName');
    if (type === 'deleted' && volume !== '') controller.enqueue(volume);
  });
  volumes.onChange(({ object }) => {
    for (const claim of byVolume(object.metadata.name ?? '')) controller.enqueue(keyOf(claim));
  });
  return controller;
}

class Binder {
  readonly #cluster: SimulatedCluster;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
  }

  get #claims() {
    return this.#cluster.informer('', 'persistentvolumeclaims');
  }

  get #volumes() {
    return this.#cluster.informer('', 'persistentvolumes');
  }

  async syncClaim(key: string): Promise<void> {
    const claim = this.#claims.cache.get(key);
    if (claim === undefined || claim.metadata.deletionTimestamp !== undefined) return;
    const named = textAt(claim, 'spec', 'volumeName');
    if (named === '' && isClaimHeld(claim)) {
      await this.#leavePending(claim);
      return;
    }
    if (named === '') {
      await this.#provision(claim);
      return; // the claim's own event brings it back
    }
    const volume = this.#volumes.cache.get(named);
    if (volume === undefined) return; // comes again with the volume
    const user = objectAt(volume, 'spec', 'claimRef');
    if (Object.keys(user).length === 0) {
      await this.#cluster.change(this.#volumes.ref, volume, { spec: { claimRef: claimReference(claim) } });
    } else if (user['uid'] !== undefined && user['uid'] !== claim.metadata.uid) return;
    await this.#cluster.writeStatus(this.#volumes.ref, volume, {
      ...objectAt(volume, 'status'),
      phase: 'Bound',
    });
    await this.#cluster.writeStatus(this.#claims.ref, claim, {
      ...objectAt(claim, 'status'),
      phase: 'Bound',
      accessModes: listAt(volume, 'spec', 'accessModes'),
      capacity: objectAt(volume, 'spec', 'capacity'),
    });
  }

  /** A volume of ours whose claim is gone goes; another's is released. */
  async syncVolume(name: string): Promise<void> {
    const volume = this.#volumes.cache.get(name);
    const user = objectAt(volume, 'spec', 'claimRef');
    if (volume === undefined || volume.metadata.deletionTimestamp !== undefined || user['uid'] === undefined)
      return;
    const key = { namespace: textAt(user, 'namespace'), name: textAt(user, 'name') };
    if (this.#claims.cache.get(key)?.metadata.uid === user['uid']) return;
    if (await this.#exists(key, user['uid'])) return;
    if (volume.metadata.annotations?.[provisionerAnnotation] === provisioner) {
      await this.#cluster.delete(this.#volumes.ref, volume);
    } else {
      await this.#cluster.writeStatus(this.#volumes.ref, volume, {
        ...objectAt(volume, 'status'),
        phase: 'Released',
      });
    }
  }

  /** The claims' watch may be behind that of the volumes. */
  async #exists({ namespace, name }: { namespace: string; name: string }, uid: unknown): Promise<boolean> {
    const { items } = await this.#cluster.client.list<KubeObject>(this.#claims.ref, {
      namespace,
      fieldSelector: `metadata.name=${name}`,
      metadataOnly: true,
    });
    return items.some(({ metadata }) => metadata.uid === uid);
  }

  async #leavePending(claim: KubeObject): Promise<void> {
    const storageClass = textAt(claim, 'spec', 'storageClassName');
    const why = claim.metadata.annotations?.[simulationAnnotations.claimPending];
    const message = `failed to provision volume with StorageClass "${storageClass}": ${why}`;
    const events = [{ type: 'Warning' as const, reason: 'ProvisioningFailed', message }];
    await recordEvents(this.#cluster, claim, { events, component: 'persistentvolume-controller' });
  }

  async #provision(claim: KubeObject): Promise<void> {
    const name = `pvc-${claim.metadata.uid}`;
    await this.#cluster.create(this.#volumes.ref, {
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name, annotations: { [provisionerAnnotation]: provisioner } },
      spec: {
        capacity: { storage: at(claim, 'spec', 'resources', 'requests', 'storage') },
        accessModes: listAt(claim, 'spec', 'accessModes'),
        persistentVolumeReclaimPolicy: 'Delete',
        storageClassName: textAt(claim, 'spec', 'storageClassName'),
        volumeMode: textAt(claim, 'spec', 'volumeMode') || 'Filesystem',
        claimRef: claimReference(claim),
        hostPath: { path: '/stand-in' },
      },
    });
    const annotations = {
      'pv.kubernetes.io/bind-completed': 'yes',
      'pv.kubernetes.io/bound-by-controller': 'yes',
      'volume.kubernetes.io/storage-provisioner': provisioner,
    };
    await this.#cluster.change(this.#claims.ref, claim, {
      metadata: { annotations },
      spec: { volumeName: name },
    });
  }
}

/** It is asked to stay without a volume, and has none yet. */
export function isClaimHeld(claim: KubeObject): boolean {
  const isAsked = claim.metadata.annotations?.[simulationAnnotations.claimPending] !== undefined;
  return isAsked && textAt(claim, 'status', 'phase') !== 'Bound';
}

function claimReference({ metadata }: KubeObject): JsonObject {
  const { namespace, name, uid } = metadata;
  return { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace, name, uid };
}
