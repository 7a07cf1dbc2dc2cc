/**
 * Stops a mass deletion that no user asked for: a hub that was emptied, or restored from an old backup, does not have
 * most of the works any more; a namespace that was wiped takes all of them along. Then nothing is deleted, the
 * ManagedCluster says so (condition DeletionHeld), and the hold ends when somebody confirms it there, or when the
 * works are back. Works that users delete, be it all of them, and clusters that are removed, are not held.
 */
import { createHash } from 'node:crypto';
import {
  type Condition,
  clusterCondition,
  clusterReason,
  confirmDeletionAnnotation,
  findCondition,
  hasReason,
  type KubeObject,
  type ManagedCluster,
  setCondition,
} from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type KubeClient,
  type ReconcileResult,
  wellKnown,
} from '@flotilla/kube';

export interface DeletionGuardOptions {
  /** A deletion of more than this share of all works is held; 1 and more: none is. */
  readonly heldShare: number;
  /** And of no fewer works than this. */
  readonly heldMinimum: number;
  /** Deletions within this time count together. */
  readonly windowMs: number;
}

export const defaultDeletionGuardOptions: DeletionGuardOptions = Object.freeze({
  heldShare: 0.5,
  heldMinimum: 2,
  windowMs: 600_000,
});

export interface DeletionGuardDependencies {
  readonly env: Pick<Env, 'clock' | 'log'>;
  readonly hub: KubeClient;
  readonly clusterName: string;
  readonly options: DeletionGuardOptions;
  /** Names of all works of this hub that hold something in the managed cluster. */
  readonly held: () => readonly string[];
  /** Those of them that the hub does not have. */
  readonly missing: () => readonly string[];
  /** A hold has ended: these works are to be looked at again. */
  readonly onRelease: (works: readonly string[]) => void;
}

export interface DeletionGuard {
  /** Whether what a work applied that the hub does not have may go. */
  mayEvict(work: string): boolean;
  /** Whether a work that is being deleted may be taken away. @throws when the hub cannot be asked. */
  mayTakeAway(work: string, signal: AbortSignal): Promise<boolean>;
  /** Why nothing is deleted; undefined when nothing is held. */
  readonly reason: string | undefined;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

interface Hold {
  readonly id: string;
  readonly works: readonly string[];
  readonly reason: string;
}

/** How often the hub is asked whether a hold is confirmed, or still has its cause. */
const pollMs = 5000;
/** For so long an answer about the namespace counts: many works are deleted at once. */
const namespaceFreshMs = 2000;

export function createDeletionGuard(dependencies: DeletionGuardDependencies): DeletionGuard {
  return new Guard(dependencies);
}

class Guard implements DeletionGuard {
  readonly #deps: DeletionGuardDependencies;
  readonly #controller: Controller;
  readonly #confirmed = new Set<string>();
  #lately: readonly { readonly work: string; readonly atMs: number }[] = [];
  #hold: Hold | undefined;
  #namespace: { readonly isWiped: boolean; readonly atMs: number } | undefined;

  constructor(deps: DeletionGuardDependencies) {
    this.#deps = deps;
    this.#controller = createController({
      name: 'held deletion',
      env: deps.env,
      maxDelayMs: 60_000,
      reconcile: (_, { signal }) => this.#review(signal),
    });
  }

  get reason(): string | undefined {
    return this.#hold?.reason;
  }

  start(signal: AbortSignal): void {
    this.#controller.start(signal);
  }

  close(): Promise<void> {
    return this.#controller.close();
  }

  mayEvict(work: string): boolean {
    const missing = this.#deps.missing();
    return this.#admit(work, missing, 'the hub does not have them any more');
  }

  async mayTakeAway(work: string, signal: AbortSignal): Promise<boolean> {
    if (this.#confirmed.has(work) || !(await this.#isNamespaceWiped(signal))) return true;
    return this.#admit(work, this.#deps.held(), 'their namespace on the hub is being deleted');
  }

  #admit(work: string, doomed: readonly string[], why: string): boolean {
    const { env, options } = this.#deps;
    if (this.#confirmed.delete(work)) return true;
    const nowMs = env.clock.monotonicMs();
    this.#lately = this.#lately.filter(({ atMs }) => nowMs - atMs < options.windowMs);
    const open = doomed.filter((each) => !this.#confirmed.has(each));
    const gone = this.#lately.map((each) => each.work).filter((each) => !open.includes(each));
    const total = new Set([...this.#deps.held(), ...gone]).size;
    const count = open.length + gone.length;
    if (count < options.heldMinimum || count <= total * options.heldShare) {
      this.#lately = [...this.#lately, { work, atMs: nowMs }];
      return true;
    }
    this.#begin(open, `${count} of ${total} works would be deleted, since ${why}`);
    return false;
  }

  #begin(works: readonly string[], reason: string): void {
    // Works held with their namespace stay held with those that are found missing, or no confirmation would reach them.
    const before = this.#namespace?.isWiped === true ? (this.#hold?.works ?? []) : [];
    const sorted = [...new Set([...before, ...works])].sort();
    const id = createHash('sha256').update(sorted.join(' ')).digest('hex').slice(0, 8);
    if (this.#hold?.id === id) return;
    const { env, clusterName } = this.#deps;
    this.#hold = {
      id,
      works: sorted,
      reason: `hold ${id}: ${reason}; confirm it with "hub works confirm-deletion ${clusterName}"`,
    };
    env.log.warn('a mass deletion is held', { reason: this.#hold.reason });
    this.#controller.enqueue(clusterName);
  }

  /** Tells the hub, looks for the confirmation, and lets go of a hold whose cause is gone. */
  async #review(signal: AbortSignal): Promise<ReconcileResult | undefined> {
    const { hub, clusterName, env } = this.#deps;
    const hold = this.#hold;
    const cluster = await hub.get<ManagedCluster>(
      wellKnown.managedClusters,
      { name: clusterName },
      { signal },
    );
    const isConfirmed =
      hold !== undefined && cluster.metadata.annotations?.[confirmDeletionAnnotation] === hold.id;
    if (hold !== undefined && (isConfirmed || !(await this.#hasCause(hold, signal)))) {
      env.log.info(isConfirmed ? 'the held deletion is confirmed' : 'the held works are back', {
        hold: hold.id,
      });
      if (isConfirmed) for (const work of hold.works) this.#confirmed.add(work);
      if (this.#hold === hold) this.#hold = undefined;
      this.#deps.onRelease(hold.works);
    }
    await this.#tell(cluster, signal);
    return this.#hold === undefined ? undefined : { requeueAfterMs: pollMs };
  }

  async #hasCause({ works }: Hold, signal: AbortSignal): Promise<boolean> {
    if (await this.#isNamespaceWiped(signal)) return true;
    const missing = new Set(this.#deps.missing());
    return works.every((work) => missing.has(work));
  }

  async #tell(cluster: ManagedCluster, signal: AbortSignal): Promise<void> {
    const { env, hub, clusterName } = this.#deps;
    const reason = this.#hold?.reason;
    const before = findCondition(cluster.status?.conditions, clusterCondition.deletionHeld);
    if (reason === undefined && before === undefined) return;
    const conditions = setCondition(cluster.status?.conditions, conditionOf(reason), env.clock.now());
    if (conditions === cluster.status?.conditions || before?.message === reason) return;
    const { uid, resourceVersion } = cluster.metadata;
    await hub.patch(
      wellKnown.managedClusters,
      { name: clusterName },
      {
        type: 'merge',
        subresource: 'status',
        body: { metadata: { uid, resourceVersion }, status: { conditions } },
        signal,
      },
    );
  }

  /** A namespace that goes while its cluster stays. Hubs that do not let us look are trusted. */
  async #isNamespaceWiped(signal: AbortSignal): Promise<boolean> {
    const { env, hub, clusterName } = this.#deps;
    const nowMs = env.clock.monotonicMs();
    if (this.#namespace !== undefined && nowMs - this.#namespace.atMs < namespaceFreshMs) {
      return this.#namespace.isWiped;
    }
    const key = { name: clusterName };
    const isGoing = async (ref: typeof wellKnown.namespaces): Promise<boolean | undefined> => {
      try {
        const { metadata } = await hub.get<KubeObject>(ref, key, { signal });
        return metadata.deletionTimestamp !== undefined;
      } catch (error) {
        if (hasReason(error, 'Forbidden', 'NotFound')) return undefined;
        throw error;
      }
    };
    const isWiped =
      (await isGoing(wellKnown.namespaces)) === true && (await isGoing(wellKnown.managedClusters)) === false;
    this.#namespace = { isWiped, atMs: nowMs };
    return isWiped;
  }
}

function conditionOf(reason: string | undefined): Omit<Condition, 'lastTransitionTime'> {
  const type = clusterCondition.deletionHeld;
  return reason === undefined
    ? { type, status: 'False', reason: clusterReason.noMassDeletion, message: 'No deletion is held' }
    : { type, status: 'True', reason: clusterReason.massDeletion, message: reason };
}
