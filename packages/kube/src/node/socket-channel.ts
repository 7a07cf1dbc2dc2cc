/**
 * A connected socket as a channel, with the bytes that came before it was handed over. Nothing of the socket's errors
 * is thrown: they are the reason of the close.
 */
import type { Duplex } from 'node:stream';
import type { Channel, ChannelListener } from '../streams/channel.js';

export function createSocketChannel(socket: Duplex, head: Uint8Array = new Uint8Array()): Channel {
  let isListened = false;
  let failure: Error | undefined;
  let hasPeerEnded = false;
  socket.on('error', (error: Error) => {
    failure ??= error;
  });
  return {
    write(chunk) {
      if (socket.destroyed || socket.writableEnded) return true;
      return socket.write(chunk);
    },
    end: () => {
      if (!socket.destroyed && !socket.writableEnded) socket.end();
    },
    destroy: (reason) => {
      failure ??= reason;
      socket.destroy();
    },
    pause: () => void socket.pause(),
    resume: () => void socket.resume(),
    listen(listener: ChannelListener) {
      if (isListened) throw new Error('a channel has one listener');
      isListened = true;
      if (head.length > 0) socket.unshift(Buffer.from(head));
      socket.on('data', (chunk: Buffer) => listener.onData(chunk));
      socket.on('end', () => {
        hasPeerEnded = true;
        listener.onEnd?.();
      });
      socket.on('drain', () => listener.onDrain?.());
      const onClose = (): void => {
        const isOrderly = hasPeerEnded && socket.writableFinished;
        listener.onClose?.(failure ?? (isOrderly ? undefined : new Error('the connection was cut')));
      };
      if (socket.destroyed) queueMicrotask(onClose);
      else socket.once('close', onClose);
    },
  };
}
