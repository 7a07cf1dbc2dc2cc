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
  type ManagedCluster,
  setCondition,
} from '@flotilla/api';
import {
  type Controller,
  createController,
  type Env,
  type KubeClient,
  patchStatus,
  type ReconcileResult,
  TransportError,
  wellKnown,
} from '@flotilla/kube';
import { NamespaceQuestion } from './namespace-question.js';

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
  /** A hold has ended, or the hub has answered: these works are to be looked at again. */
  readonly onRelease: (works: readonly string[]) => void;
}

export interface DeletionGuard {
  /** Whether what a work applied that the hub does not have may go. */
  mayEvict(work: string): boolean;
  /**
   * Whether a work that is being deleted may be taken away. Undefined: the hub is asked why it goes, and `onRelease` says
   * when it has answered. Nobody waits for that: a hub that does not answer must not hold up the works that stay.
   */
  mayTakeAway(work: DoomedWork): boolean | undefined;
  /** The work is gone, whichever way. */
  forget(work: string): void;
  /** Why nothing is deleted; undefined when nothing is held. */
  readonly reason: string | undefined;
  start(signal: AbortSignal): void;
  close(): Promise<void>;
}

export interface DoomedWork {
  readonly name: string;
  readonly uid: string;
}

interface Hold {
  readonly id: string;
  readonly works: readonly string[];
  readonly reason: string;
}

/** How often the hub is asked whether a hold is confirmed, or still has its cause. */
const pollMs = 5000;
/** Pause before a hub that cannot be reached is asked again why works go. */
const unreachedRetryMs = 2000;
/** The keys of what the guard does. */
const question = 'why';
const review = 'hold';

export function createDeletionGuard(dependencies: DeletionGuardDependencies): DeletionGuard {
  return new Guard(dependencies);
}

class Guard implements DeletionGuard {
  readonly #deps: DeletionGuardDependencies;
  readonly #controller: Controller;
  readonly #confirmed = new Set<string>();
  #lately: readonly { readonly work: string; readonly atMs: number }[] = [];
  #hold: Hold | undefined;
  readonly #question: NamespaceQuestion;
  /** Works whose deletion was seen, by name, with how often the hub had been asked by then. */
  readonly #doomed = new Map<string, { readonly uid: string; readonly begun: number }>();
  /** Those of them that wait for an answer. */
  readonly #waiting = new Set<string>();

  constructor(deps: DeletionGuardDependencies) {
    this.#deps = deps;
    this.#question = new NamespaceQuestion(deps);
    this.#controller = createController({
      name: 'held deletion',
      env: deps.env,
      concurrency: 2,
      maxDelayMs: 60_000,
      reconcile: (key, { signal }) => (key === question ? this.#ask(signal) : this.#review(signal)),
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

  mayTakeAway({ name, uid }: DoomedWork): boolean | undefined {
    if (this.#confirmed.has(name)) return true;
    const known = this.#doomed.get(name);
    const doomed = known?.uid === uid ? known : { uid, begun: this.#question.begun };
    this.#doomed.set(name, doomed);
    // What was asked before the deletion was seen says nothing about it.
    const isWiped = this.#question.isWipedAfter(doomed.begun);
    if (isWiped === undefined) {
      this.#waiting.add(name);
      this.#controller.enqueue(question);
      return undefined;
    }
    return !isWiped || this.#admit(name, this.#deps.held(), 'their namespace on the hub is being deleted');
  }

  forget(work: string): void {
    this.#doomed.delete(work);
    this.#waiting.delete(work);
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
    const before = this.#question.isWiped === true ? (this.#hold?.works ?? []) : [];
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
    this.#controller.enqueue(review);
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
    if (await this.#question.ask(signal)) return true;
    const missing = new Set(this.#deps.missing());
    return works.every((work) => missing.has(work));
  }

  async #tell(cluster: ManagedCluster, signal: AbortSignal): Promise<void> {
    const { env, hub } = this.#deps;
    const reason = this.#hold?.reason;
    const before = findCondition(cluster.status?.conditions, clusterCondition.deletionHeld);
    if (reason === undefined && before === undefined) return;
    const conditions = setCondition(cluster.status?.conditions, conditionOf(reason), env.clock.now());
    if (conditions === cluster.status?.conditions || before?.message === reason) return;
    await patchStatus(hub, {
      resource: wellKnown.managedClusters,
      object: cluster,
      status: { conditions },
      signal,
    });
  }

  /** One question for all works that wait, however many they are. */
  async #ask(signal: AbortSignal): Promise<ReconcileResult | undefined> {
    if (this.#waiting.size === 0) return undefined;
    try {
      await this.#question.ask(signal);
    } catch (error) {
      if (!(error instanceof TransportError)) throw error;
      this.#deps.env.log.debug('the hub cannot be asked why works go', { error });
      return { requeueAfterMs: unreachedRetryMs };
    }
    const begun = (name: string): number => this.#doomed.get(name)?.begun ?? 0;
    const answered = [...this.#waiting].filter(
      (name) => this.#question.isWipedAfter(begun(name)) !== undefined,
    );
    for (const name of answered) this.#waiting.delete(name);
    this.#deps.onRelease(answered);
    // Some were deleted while the hub was answering.
    return this.#waiting.size === 0 ? undefined : { requeueAfterMs: 0 };
  }
}

function conditionOf(reason: string | undefined): Omit<Condition, 'lastTransitionTime'> {
  const type = clusterCondition.deletionHeld;
  return reason === undefined
    ? { type, status: 'False', reason: clusterReason.noMassDeletion, message: 'No deletion is held' }
    : { type, status: 'True', reason: clusterReason.massDeletion, message: reason };
}
