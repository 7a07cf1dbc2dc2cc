/** A channel as it is, with somebody told of its close. */
import type { Channel } from './channel.js';

/** Calls `fn` once when the returned channel has closed; its listener is told after that. */
export function watchClose(channel: Channel, fn: () => void): Channel {
  return {
    write: (chunk) => channel.write(chunk),
    end: () => channel.end(),
    destroy: (reason) => channel.destroy(reason),
    pause: () => channel.pause(),
    resume: () => channel.resume(),
    listen: (listener) =>
      channel.listen({
        onData: (chunk) => listener.onData(chunk),
        onEnd: () => listener.onEnd?.(),
        onDrain: () => listener.onDrain?.(),
        onClose: (reason) => {
          fn();
          listener.onClose?.(reason);
        },
      }),
  };
}
