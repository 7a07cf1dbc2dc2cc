/**
 * The body of a long list: made in slices of time between which the event loop is free for others, and never ahead of its
 * reader. The items themselves are fixed before: they are one moment's. Called by the representations.
 */
import { type Clock, type Env, spawn } from '@flotilla/kube';
import type { ResponseSink } from '../server/handler.js';
import { TimeSlice } from './time-slice.js';

/** What is written at a time, or a little more. */
const chunkBytes = 256 * 1024;

export interface SlicedBody<T> {
  readonly head: string;
  readonly items: readonly T[];
  /** The bytes of an item, in one piece or more. */
  readonly render: (item: T) => readonly Uint8Array[];
  /** Between two items. */
  readonly separator: string;
  readonly tail: string;
}

/** The same bytes at once. */
export function wholeBody<T>({ head, items, render, separator, tail }: SlicedBody<T>): Buffer {
  const between = Buffer.from(separator);
  const pieces: Uint8Array[] = [Buffer.from(head)];
  for (const [index, item] of items.entries()) {
    if (index > 0) pieces.push(between);
    pieces.push(...render(item));
  }
  return Buffer.concat([...pieces, Buffer.from(tail)]);
}

export function slicedBody<T>(
  body: SlicedBody<T>,
  { clock, log }: Pick<Env, 'clock' | 'log'>,
): (sink: ResponseSink) => void {
  return (sink) => {
    spawn('a long list', () => writeSlices(body, { sink, clock }), { log });
  };
}

/** An item that cannot be shown ends the body early: no reader takes it for a whole list. */
async function writeSlices<T>(
  { head, items, render, separator, tail }: SlicedBody<T>,
  { sink, clock }: { readonly sink: ResponseSink; readonly clock: Clock },
): Promise<void> {
  let isClosed = false;
  let resume: () => void = () => undefined;
  sink.onClose(() => {
    isClosed = true;
    resume();
  });
  sink.onDrain(() => resume());
  const between = Buffer.from(separator);
  const slice = new TimeSlice(clock);
  let chunk: Uint8Array[] = [Buffer.from(head)];
  let size = 0;
  try {
    for (const [index, item] of items.entries()) {
      if (index > 0) chunk.push(between);
      for (const piece of render(item)) {
        chunk.push(piece);
        size += piece.length;
      }
      const { isOver } = slice;
      if (!isOver && size < chunkBytes) continue;
      const drained = new Promise<void>((resolve) => {
        resume = resolve;
      });
      const isTaken = sink.write(Buffer.concat(chunk));
      chunk = [];
      size = 0;
      if (!isTaken && !isClosed) await drained;
      if (isOver) await slice.giveWay();
      else if (!isTaken) slice.begin();
      if (isClosed) return;
    }
    sink.write(Buffer.concat([...chunk, Buffer.from(tail)]));
  } finally {
    sink.end();
  }
}
