/**
 * A way for bytes between two ends, as everything that carries streams sees it: a socket, a WebSocket, one stream of a
 * SPDY connection, a pair in memory. Back-pressure goes both ways: `write` says when to wait, `pause` makes the peer
 * wait. Over a WebSocket one write is one message; elsewhere nobody may rely on where one chunk ends.
 */
export interface Channel {
  /** Gives the channel the bytes, which must not change any more. False: the peer does not keep up, wait for `onDrain`. */
  write(chunk: Uint8Array): boolean;
  /** Nothing more will be written; what was written still arrives. A WebSocket knows no half-close and closes. */
  end(): void;
  /** Ends both directions at once; what was not sent yet is lost. */
  destroy(reason?: Error): void;
  /** Holds back `onData`; a little that was under way may still come. */
  pause(): void;
  resume(): void;
  /** Names the one listener. What came earlier is kept for it, within bounds. */
  listen(listener: ChannelListener): void;
}

export interface ChannelListener {
  onData(chunk: Uint8Array): void;
  /** The peer writes no more; this end still may. */
  onEnd?(): void;
  onDrain?(): void;
  /** The last call; with a reason when it was not an orderly end of both directions. */
  onClose?(reason?: Error): void;
}

/** Carries everything from each of two channels to the other, at the pace of the slower, until both have ended. */
export function joinChannels(a: Channel, b: Channel): void {
  relay(a, b);
  relay(b, a);
}

function relay(from: Channel, to: Channel): void {
  from.listen({
    onData: (chunk) => {
      if (!to.write(chunk)) from.pause();
    },
    onEnd: () => to.end(),
    onDrain: () => to.resume(),
    onClose: (reason) => {
      if (reason === undefined) to.end();
      else to.destroy(reason);
    },
  });
}
