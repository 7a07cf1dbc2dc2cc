/**
 * Whether the client of an exchange still waits for its answer. The signal is made when somebody asks for it: few
 * requests wait for anything. Called by the HTTP front.
 */
export class ClientPresence {
  /** The whole answer has been handed over: what happens to the connection concerns no handler any more. */
  isAnswered = false;
  #controller: AbortController | undefined;
  #hasLeft = false;

  get hasLeft(): boolean {
    return this.#hasLeft;
  }

  /** Aborted when the client leaves before it is answered. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#hasLeft) this.#abort();
    }
    return this.#controller.signal;
  }

  /** The exchange is over. */
  leave(): void {
    if (this.isAnswered || this.#hasLeft) return;
    this.#hasLeft = true;
    this.#abort();
  }

  #abort(): void {
    this.#controller?.abort(new Error('the client went away'));
  }
}
