/** What can be wrong with a simulated network. */

export interface NetworkFaults {
  /** One way, uniform between the two; default 1 to 5. */
  readonly latencyMs: readonly [min: number, max: number];
  /** Chance that a request never reaches the server. */
  readonly loseRequest: number;
  /** Chance that an answer never comes back although the server acted. */
  readonly loseResponse: number;
  /** Chance, for each piece of a streamed answer, that the connection breaks there. */
  readonly breakStream: number;
  /** Room on the wire, each way, for all exchanges together; 0, the default: enough. */
  readonly bytesPerSecond: number;
  /** How long a client takes to read each piece of an answer, and nothing further meanwhile; 0, the default: no time. */
  readonly readPieceMs: number;
  /** After this time a client notices that its connection is dead; default 45,000, as a PING would. */
  readonly detectMs: number;
}

/** What a cut link does: everything is lost silently, or only one way of it, or connections are reset and refused. */
export type CutMode = 'drop' | 'drop requests' | 'drop answers' | 'refuse';
