/**
 * What a kubelet does for the streaming subresources, as the server asks for it. The stand-in cluster's simulated
 * containers implement it (`runtime/`); all channels are the caller's and are ended by whoever is done first.
 */
import type { KubeObject } from '@flotilla/api';
import type { Channel } from '@flotilla/kube';

export interface ContainerKey {
  readonly pod: KubeObject;
  readonly container: string;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly previous: boolean;
  /** Lines of this instant and later. */
  readonly sinceMs?: number;
  readonly timestamps: boolean;
  readonly tailLines?: number;
  readonly limitBytes?: number;
  /** Which of the two streams; absent: both. */
  readonly stream?: 'Stdout' | 'Stderr';
}

/** The channels of a process; absent ones were not asked for. With a terminal there is no stderr. */
export interface ProcessStreams {
  readonly stdin?: Channel;
  readonly stdout?: Channel;
  readonly stderr?: Channel;
  /** One JSON object `{"Width":w,"Height":h}` after another. */
  readonly resize?: Channel;
  readonly tty: boolean;
  /** The client has gone. */
  readonly signal: AbortSignal;
}

export interface PodRuntime {
  /**
   * The lines of a container's log, from the oldest; with `follow` until the container ends.
   * The caller stops by returning, and takes them at its own pace.
   */
  log(key: ContainerKey, options: LogOptions & { readonly signal: AbortSignal }): AsyncIterable<Uint8Array>;
  /** Runs a command; its exit code. @throws Error when it cannot be started. */
  exec(key: ContainerKey, command: readonly string[], streams: ProcessStreams): Promise<number>;
  /** Joins the container's own process; its exit code when it ends. */
  attach(key: ContainerKey, streams: ProcessStreams): Promise<number>;
  /** A connection to what listens on the port inside the pod. @throws Error when nothing does. */
  dial(pod: KubeObject, port: number): Channel;
  /** One HTTP request to what listens there. @throws Error when nothing does. */
  ask(pod: KubeObject, port: number, request: PodHttpRequest): PodHttpAnswer;
}

export interface PodHttpRequest {
  readonly method: string;
  /** Path with query. */
  readonly target: string;
  readonly body: AsyncIterable<Uint8Array>;
}

export interface PodHttpAnswer {
  readonly status: number;
  readonly contentType: string;
  readonly body: AsyncIterable<Uint8Array>;
  readonly contentLength?: number;
}
