/** Loops that begin anew when what they were started with has changed. Called by `run-server.ts`. */
import { createStopController, onAbort } from '@flotilla/kube';
import type { Loops, StartLoops } from '../server/elected-loops.js';

export interface RestartableLoops extends Loops {
  /** Resolves when the new ones run. One at a time; later calls wait. */
  restart(): Promise<void>;
}

/** Ends with the signal. @throws what the first start throws. */
export async function startRestartable(start: StartLoops, signal: AbortSignal): Promise<RestartableLoops> {
  let stop = childOf(signal);
  let loops: Loops | undefined = await start(stop.signal);
  let last: Promise<void> = Promise.resolve();

  const renew = async (): Promise<void> => {
    if (signal.aborted) return;
    stop.abort(new Error('begins anew'));
    await loops?.close();
    loops = undefined;
    stop = childOf(signal);
    loops = await start(stop.signal);
  };
  return {
    restart: () => {
      const run = last.then(renew);
      last = run.catch(() => undefined); // told to who asked
      return run;
    },
    close: async () => {
      await last;
      await loops?.close();
    },
  };
}

function childOf(signal: AbortSignal): AbortController {
  const stop = createStopController();
  onAbort(signal, () => stop.abort(signal.reason));
  return stop;
}
