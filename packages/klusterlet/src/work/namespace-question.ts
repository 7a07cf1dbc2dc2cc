/**
 * Whether the works of a cluster go because their namespace on the hub does: asked one question at a time, and never
 * answered by what was asked before. It keeps no one waiting; the deletion guard asks, and remembers for whom.
 */
import { hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';

export interface NamespaceQuestionOptions {
  readonly hub: KubeClient;
  readonly clusterName: string;
}

export class NamespaceQuestion {
  readonly #options: NamespaceQuestionOptions;
  #begun = 0;
  #answer: { readonly number: number; readonly isWiped: boolean } | undefined;

  constructor(options: NamespaceQuestionOptions) {
    this.#options = options;
  }

  /** So often it was asked; what happens now is known to those that come after. */
  get begun(): number {
    return this.#begun;
  }

  /** By the newest answer; undefined: there is none. */
  get isWiped(): boolean | undefined {
    return this.#answer?.isWiped;
  }

  /** By an answer to a question that was asked after the first so many; undefined: there is none. */
  isWipedAfter(begun: number): boolean | undefined {
    return this.#answer !== undefined && this.#answer.number > begun ? this.#answer.isWiped : undefined;
  }

  /** A namespace that goes while its cluster stays. Hubs that do not let us look are trusted. @throws when the hub cannot be asked. */
  async ask(signal: AbortSignal): Promise<boolean> {
    const number = ++this.#begun;
    const isWiped =
      (await this.#isGoing(wellKnown.namespaces, signal)) === true &&
      (await this.#isGoing(wellKnown.managedClusters, signal)) === false;
    if (number > (this.#answer?.number ?? 0)) this.#answer = { number, isWiped };
    return isWiped;
  }

  async #isGoing(ref: typeof wellKnown.namespaces, signal: AbortSignal): Promise<boolean | undefined> {
    const { hub, clusterName } = this.#options;
    try {
      const { metadata } = await hub.get<KubeObject>(ref, { name: clusterName }, { signal });
      return metadata.deletionTimestamp !== undefined;
    } catch (error) {
      if (hasReason(error, 'Forbidden', 'NotFound')) return undefined;
      throw error;
    }
  }
}
