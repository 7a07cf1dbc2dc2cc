/**
 * Abort signals that many parts of a component listen to at once: Node warns at the eleventh listener of a plain one.
 * Called by whoever owns a long-lived signal: controllers, informers, transports and `main` files.
 */
import { setMaxListeners } from 'node:events';

/** An AbortController whose signal takes any number of listeners. */
export function createStopController(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}

/** Calls `fn` when the signal aborts, at once if it has. Returns the way to stop listening. */
export function onAbort(signal: AbortSignal | undefined, fn: () => void): () => void {
  if (signal === undefined) return () => undefined;
  if (signal.aborted) fn();
  else signal.addEventListener('abort', fn, { once: true });
  return () => signal.removeEventListener('abort', fn);
}

/** Waits for the promise, but no longer than the signal allows; the promise itself goes on. */
export function untilAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const unlisten = onAbort(signal, () => reject(signal.reason));
    promise.then(resolve, reject).finally(unlisten);
  });
}
