/** Writes a body to its client as it comes, at the client's pace. */
import type { ResponseSink } from '../server/handler.js';

/** Ends the sink when the chunks do; a client that goes ends the chunks. */
export function sendChunks(chunks: AsyncIterable<Uint8Array>, sink: ResponseSink): void {
  const state = { isClosed: false, wake: (): void => undefined };
  sink.onClose(() => {
    state.isClosed = true;
    state.wake();
  });
  sink.onDrain(() => state.wake());
  const send = async (): Promise<void> => {
    try {
      for await (const chunk of chunks) {
        if (state.isClosed) return;
        if (sink.write(chunk)) continue;
        await new Promise<void>((resolve) => {
          state.wake = resolve;
          if (state.isClosed) resolve();
        });
      }
    } finally {
      sink.end();
    }
  };
  void send();
}
