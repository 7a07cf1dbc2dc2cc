/**
 * What the stand-in kubelet asks the simulated containers: whether a container's own command is one that they can play,
 * and how it ends. The port that `runtime/` implements; absent, no command decides anything.
 */
import type { JsonObject, KubeObject } from '@flotilla/api';

/** How the run of a command ended by itself. */
export interface CommandEnd {
  /** 0 to 255. */
  readonly code: number;
  /** Milliseconds since the epoch. */
  readonly atMs: number;
}

/** Undefined: nobody knows how it would end. */
export type CommandState = 'running' | CommandEnd | undefined;

export interface CommandRuns {
  /** True when its command is one that is played. */
  isPlayed(container: JsonObject): boolean;
  /** Begins the run that the pod's status speaks of, unless it has begun; how far it has come. */
  follow(pod: KubeObject, container: JsonObject): CommandState;
  /** Calls `fn` with a pod's key (`namespace/name`) when what `follow` says of it has changed; the answer stops that. */
  onChange(fn: (key: string) => void): () => void;
}
