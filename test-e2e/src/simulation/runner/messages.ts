/** What the campaign and its worker processes say to each other: plain data, as it crosses a process boundary. */
import type { Scenario } from '../scenario.js';
import type { Counts } from '../tally.js';
import type { Breach } from '../world.js';

export interface Task {
  readonly scenario: Scenario;
  /** Run it twice, and call a difference between the two a breach. */
  readonly twice: boolean;
  /** Should it fail: look so long (ms of real time) for a shorter scenario that fails the same way. */
  readonly shrinkForMs: number;
}

export interface Outcome {
  readonly seed: number;
  readonly breaches: readonly Breach[];
  readonly traceHash: string;
  readonly events: number;
  readonly simulatedMs: number;
  readonly clusters: number;
  readonly faults: Counts;
  readonly checks: Counts;
  /** Of real time. */
  readonly tookMs: number;
  /** Present if it failed. */
  readonly failure?: Failure;
}

export interface Failure {
  /** The shortest scenario found that fails the same way. */
  readonly scenario: Scenario;
  /** Steps before shrinking. */
  readonly stepsBefore: number;
  /** What somebody needs who looks for the cause. */
  readonly text: string;
}
