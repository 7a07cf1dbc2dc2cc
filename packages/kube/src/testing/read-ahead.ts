/**
 * Reads a stream as its pieces come and stamps each with its time of arrival, so that a simulated wire delays pieces
 * side by side and not one after the other. Bounded: then it stops reading, as a full TCP window would.
 */

export interface ArrivedPiece {
  readonly chunk: Uint8Array;
  readonly dueMs: number;
}

const maxPieces = 4096;
/** What is on its way and not read: the rest stays with the sender. */
const windowBytes = 64 * 1024;

export async function* readAhead(
  source: AsyncIterable<Uint8Array>,
  dueMs: (chunk: Uint8Array) => number,
  /** So many pieces may wait for the reader; asked again for each. */
  room: () => number = () => maxPieces,
): AsyncGenerator<ArrivedPiece> {
  const pieces: ArrivedPiece[] = [];
  let waitingBytes = 0;
  let ended = false;
  let stopped = false;
  let failure: { readonly error: unknown } | undefined;
  let wakeReader = (): void => undefined;
  let wakePump = (): void => undefined;
  const pump = async (): Promise<void> => {
    try {
      for await (const chunk of source) {
        pieces.push({ chunk, dueMs: dueMs(chunk) });
        waitingBytes += chunk.length;
        wakeReader();
        while ((pieces.length >= Math.min(room(), maxPieces) || waitingBytes >= windowBytes) && !stopped) {
          await new Promise<void>((resolve) => {
            wakePump = resolve;
          });
        }
        if (stopped) return;
      }
    } catch (error) {
      failure = { error };
    } finally {
      ended = true;
      wakeReader();
    }
  };
  void pump(); // never rejects: its failure is handed to the reader
  try {
    for (;;) {
      const piece = pieces.shift();
      if (piece !== undefined) {
        waitingBytes -= piece.chunk.length;
        wakePump();
        yield piece;
      } else if (failure !== undefined) {
        throw failure.error;
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => {
          wakeReader = resolve;
        });
      }
    }
  } finally {
    stopped = true;
    wakePump();
  }
}
