/**
 * The body of a long list whose items have to be made for the answer: a slice at a time, and between slices the event
 * loop is free for others. The items themselves are fixed before: they are one moment's. Called by the representations.
 */
import { type Clock, type Env, sleep, spawn } from '@flotilla/kube';
import type { ResponseSink } from '../server/handler.js';

/** Some ten milliseconds of work; shorter lists are made at once. */
export const itemsOfSlice = 500;

export interface SlicedBody<T> {
  readonly head: string;
  readonly items: readonly T[];
  readonly render: (item: T) => string;
  /** Between two items. */
  readonly separator: string;
  readonly tail: string;
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
  try {
    for (let start = 0; start < items.length && !isClosed; start += itemsOfSlice) {
      const text = items
        .slice(start, start + itemsOfSlice)
        .map(render)
        .join(separator);
      const drained = new Promise<void>((resolve) => {
        resume = resolve;
      });
      const before = start === 0 ? head : separator;
      if (!sink.write(Buffer.from(before + text)) && !isClosed) await drained;
      await sleep(clock, 0);
    }
    if (!isClosed) sink.write(Buffer.from(tail));
  } finally {
    sink.end();
  }
}
