/**
 * The AppliedManifestWorks of this agent in the managed cluster: one for each work, owner of all that the work
 * applied. This agent alone writes them, so what it wrote last counts before what a watch still shows.
 * Called by the reconciler, the finalizer and the eviction.
 */
import { createHash } from 'node:crypto';
import {
  type AppliedManifestWork,
  appliedManifestWorkFinalizer,
  appliedManifestWorkName,
  createMergePatch,
  defaultFieldManager,
  equal,
  hasReason,
  type JsonObject,
  type ManifestWork,
  StatusError,
} from '@flotilla/api';
import {
  createInformer,
  dropManagedFields,
  type Env,
  getIfThere,
  type Informer,
  type KubeClient,
  wellKnown,
} from '@flotilla/kube';
import { accountOf } from '../apply/executor.js';
import {
  type AppliedResource,
  executorAnnotations,
  intentAnnotations,
  recordedExecutor,
  recordedResources,
} from './applied-resources.js';

export interface InventoriesOptions {
  readonly env: Pick<Env, 'clock' | 'random' | 'log'>;
  readonly client: KubeClient;
  readonly hubServer: string;
  readonly agentId: string;
  /** Called with the name of each inventory of this agent that appeared, changed or went. */
  readonly onChange: (inventory: AppliedManifestWork, type: 'added' | 'updated' | 'deleted') => void;
}

export interface Inventories {
  readonly hubHash: string;
  /** The inventory's name for a work of the present hub. */
  nameFor(work: string): string;
  get(name: string): AppliedManifestWork | undefined;
  list(): readonly AppliedManifestWork[];
  /**
   * Creates it with the intention in it, or brings labels, executor, spec and finalizer up to date. A terminating one is
   * returned as it is.
   */
  ensure(
    work: ManifestWork,
    options: { readonly intent: () => readonly AppliedResource[]; readonly signal: AbortSignal },
  ): Promise<AppliedManifestWork>;
  /** Writes the list of applied resources if it differs; returns the inventory as it is now. */
  record(
    inventory: AppliedManifestWork,
    resources: readonly AppliedResource[],
    signal: AbortSignal,
  ): Promise<AppliedManifestWork>;
  /** Sets or clears the time from which the work is missed. */
  setEvictionStart(
    inventory: AppliedManifestWork,
    time: string | undefined,
    signal: AbortSignal,
  ): Promise<void>;
  /** Asks for its deletion; its finalizer holds it until the objects are gone. */
  remove(inventory: AppliedManifestWork, signal: AbortSignal): Promise<void>;
  /** The last step of its deletion. */
  removeFinalizer(inventory: AppliedManifestWork, signal: AbortSignal): Promise<void>;
  start(signal: AbortSignal): void;
  synced(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

export function createInventories(options: InventoriesOptions): Inventories {
  return new InventoryStore(options);
}

/** How a hub is told from others in the managed cluster; OCM agents make the same text from the same address. */
export function hashHub(hubServer: string): string {
  return createHash('sha256').update(hubServer).digest('hex');
}

const ref = wellKnown.appliedManifestWorks;

class InventoryStore implements Inventories {
  readonly hubHash: string;
  readonly #options: InventoriesOptions;
  readonly #informer: Informer<AppliedManifestWork>;
  readonly #known = new Map<string, AppliedManifestWork>();
  /** Names of those whose list may be another than is known: a write of it failed, and may have been carried out. */
  readonly #doubtful = new Set<string>();

  constructor(options: InventoriesOptions) {
    this.#options = options;
    this.hubHash = hashHub(options.hubServer);
    this.#informer = createInformer<AppliedManifestWork>(options.client, ref, {
      env: options.env,
      transform: dropManagedFields,
    });
    this.#informer.onChange(({ type, object }) => this.#hear(object, type));
  }

  nameFor(work: string): string {
    return appliedManifestWorkName(this.hubHash, work);
  }

  get(name: string): AppliedManifestWork | undefined {
    return this.#known.get(name);
  }

  list(): readonly AppliedManifestWork[] {
    return [...this.#known.values()];
  }

  start(signal: AbortSignal): void {
    this.#informer.start(signal);
  }

  synced(signal: AbortSignal): Promise<void> {
    return this.#informer.synced(signal);
  }

  close(): Promise<void> {
    return this.#informer.close();
  }

  async ensure(
    work: ManifestWork,
    { intent, signal }: { readonly intent: () => readonly AppliedResource[]; readonly signal: AbortSignal },
  ): Promise<AppliedManifestWork> {
    const wanted = this.#wanted(work);
    const name = wanted.metadata.name ?? '';
    if (this.#doubtful.has(name)) await this.#reread(name, signal);
    const known = this.#known.get(name);
    if (known === undefined) {
      const annotations = { ...wanted.metadata.annotations, ...intentAnnotations(intent()) };
      return this.#create({ ...wanted, metadata: { ...wanted.metadata, annotations } }, signal);
    }
    if (known.metadata.deletionTimestamp !== undefined) return known;
    const labels = known.metadata.labels ?? {};
    const finalizers = known.metadata.finalizers ?? [];
    const hasFinalizer = finalizers.includes(appliedManifestWorkFinalizer);
    const metadata = {
      ...(hasFinalizer ? {} : { finalizers: [...finalizers, appliedManifestWorkFinalizer] }),
      ...(equal(labels, wanted.metadata.labels ?? {})
        ? {}
        : { labels: createMergePatch(labels, wanted.metadata.labels ?? {}) }),
      ...(equal(recordedExecutor(known), recordedExecutor(wanted))
        ? {}
        : {
            annotations: createMergePatch(
              executorAnnotations(recordedExecutor(known)),
              executorAnnotations(recordedExecutor(wanted)),
            ),
          }),
    };
    const isSame = equal(known.spec, wanted.spec) && Object.keys(metadata).length === 0;
    return isSame ? known : this.#patch(known, { metadata, spec: wanted.spec }, { signal });
  }

  async record(
    inventory: AppliedManifestWork,
    resources: readonly AppliedResource[],
    signal: AbortSignal,
  ): Promise<AppliedManifestWork> {
    if (equal(recordedResources(inventory), resources)) return inventory;
    const body = { status: { appliedResources: resources } };
    try {
      return await this.#patch(inventory, body, { signal, subresource: 'status' });
    } catch (error) {
      const isRefused = error instanceof StatusError && error.code < 500;
      if (!isRefused) this.#doubtful.add(inventory.metadata.name ?? '');
      throw error;
    }
  }

  /** An object that the list is wrongly believed to name would be made before it is named. */
  async #reread(name: string, signal: AbortSignal): Promise<void> {
    const found = await getIfThere<AppliedManifestWork>(this.#options.client, ref, { name }, { signal });
    const known = this.#known.get(name);
    this.#doubtful.delete(name);
    if (found === undefined) this.#known.delete(name);
    else {
      const plain = dropManagedFields(found);
      const isSame = known !== undefined && known.metadata.uid === plain.metadata.uid;
      this.#known.set(name, isSame ? withDeletion(plain, known) : plain);
    }
  }

  async setEvictionStart(
    inventory: AppliedManifestWork,
    time: string | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const body = { status: { evictionStartTime: time ?? null } };
    await this.#patch(inventory, body, { signal, subresource: 'status' });
  }

  async remove(inventory: AppliedManifestWork, signal: AbortSignal): Promise<void> {
    const { name = '', uid } = inventory.metadata;
    try {
      await this.#options.client.delete(
        ref,
        { name },
        { signal, ...(uid !== undefined && { preconditions: { uid } }) },
      );
    } catch (error) {
      if (!(await this.#isGone(inventory, error, signal))) throw error;
      if (this.#known.get(name)?.metadata.uid === uid) this.#known.delete(name);
    }
  }

  async removeFinalizer(inventory: AppliedManifestWork, signal: AbortSignal): Promise<void> {
    const finalizers = (inventory.metadata.finalizers ?? []).filter(
      (finalizer) => finalizer !== appliedManifestWorkFinalizer,
    );
    try {
      await this.#patch(inventory, { metadata: { finalizers } }, { signal });
    } catch (error) {
      if (!(await this.#isGone(inventory, error, signal))) throw error;
    }
  }

  #wanted({ metadata, spec }: ManifestWork): AppliedManifestWork {
    const name = metadata.name ?? '';
    return {
      apiVersion: `${ref.group}/${ref.version}`,
      kind: 'AppliedManifestWork',
      metadata: {
        name: this.nameFor(name),
        finalizers: [appliedManifestWorkFinalizer],
        ...(metadata.labels && { labels: metadata.labels }),
        annotations: executorAnnotations(accountOf(spec?.executor)),
      },
      spec: { hubHash: this.hubHash, agentID: this.#options.agentId, manifestWorkName: name },
    };
  }

  async #create(wanted: AppliedManifestWork, signal: AbortSignal): Promise<AppliedManifestWork> {
    const { client } = this.#options;
    try {
      return this.#keep(await client.create(ref, wanted, { signal, fieldManager: defaultFieldManager }));
    } catch (error) {
      if (!hasReason(error, 'AlreadyExists')) throw error;
      return this.#keep(
        await client.get<AppliedManifestWork>(ref, { name: wanted.metadata.name ?? '' }, { signal }),
      );
    }
  }

  /** Bound to this very inventory: one of the same name that came after it is another story. */
  async #patch(
    inventory: AppliedManifestWork,
    body: JsonObject,
    options: { readonly signal: AbortSignal; readonly subresource?: string },
  ): Promise<AppliedManifestWork> {
    const { name = '', uid } = inventory.metadata;
    const metadata = { ...(body['metadata'] as JsonObject | undefined), uid }; // an object wherever it is given
    try {
      const patched = await this.#options.client.patch<AppliedManifestWork>(
        ref,
        { name },
        { type: 'merge', body: { ...body, metadata }, fieldManager: defaultFieldManager, ...options },
      );
      return this.#keep(patched);
    } catch (error) {
      const isGone = await this.#isGone(inventory, error, options.signal);
      // An answer that came after the news of its end may have brought it back.
      if (isGone && this.#known.get(name)?.metadata.uid === uid) this.#known.delete(name);
      throw error;
    }
  }

  /**
   * A conflict says that another inventory has the name, or only that somebody wrote to this one at the same time: the
   * server is asked which. To take an inventory that is there for gone would let its work go, and leave its objects.
   */
  async #isGone(
    { metadata: { name = '', uid } }: AppliedManifestWork,
    error: unknown,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (hasReason(error, 'NotFound')) return true;
    if (!hasReason(error, 'Conflict')) return false;
    try {
      const found = await this.#options.client.get<AppliedManifestWork>(ref, { name }, { signal });
      return found.metadata.uid !== uid;
    } catch (failure) {
      if (hasReason(failure, 'NotFound')) return true;
      throw failure;
    }
  }

  #keep(written: AppliedManifestWork): AppliedManifestWork {
    const { name = '', uid } = written.metadata;
    const known = this.#known.get(name);
    const plain = dropManagedFields(written);
    const inventory = known !== undefined && known.metadata.uid === uid ? withDeletion(plain, known) : plain;
    const { deletionTimestamp, finalizers = [] } = inventory.metadata;
    if (deletionTimestamp !== undefined && finalizers.length === 0) this.#known.delete(name);
    else this.#known.set(name, inventory);
    return inventory;
  }

  #hear(seen: AppliedManifestWork, type: 'added' | 'updated' | 'deleted'): void {
    const { name = '', uid } = seen.metadata;
    if (seen.spec?.agentID !== this.#options.agentId && !this.#isForPresentHub(name)) return;
    const known = this.#known.get(name);
    const same = known?.metadata.uid === uid ? known : undefined;
    if (type !== 'deleted') this.#known.set(name, same === undefined ? seen : withOurWrites(seen, same));
    else if (same !== undefined) {
      this.#known.delete(name);
      this.#doubtful.delete(name);
    }
    this.#options.onChange(seen, type);
  }

  /** An inventory of another agent for the same hub and work is taken over, as OCM's agent does. */
  #isForPresentHub(name: string): boolean {
    return name.startsWith(`${this.hubHash}-`);
  }
}

/** A watch is behind our own writes: of the list that only we write, ours is the latest word. */
function withOurWrites(seen: AppliedManifestWork, ours: AppliedManifestWork): AppliedManifestWork {
  const appliedResources = ours.status?.appliedResources;
  const inventory = withDeletion(seen, ours);
  return appliedResources ? { ...inventory, status: { ...seen.status, appliedResources } } : inventory;
}

/** Answers and events overtake each other; what was once seen to be deleted stays so. */
function withDeletion(inventory: AppliedManifestWork, known: AppliedManifestWork): AppliedManifestWork {
  const { deletionTimestamp } = known.metadata;
  if (deletionTimestamp === undefined) return inventory;
  return { ...inventory, metadata: { ...inventory.metadata, deletionTimestamp } };
}
