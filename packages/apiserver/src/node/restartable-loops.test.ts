import { createStopController } from '@flotilla/kube';
import { expect } from 'chai';
import { startRestartable } from './restartable-loops.js';

/** Loops that tell what happens to them, by number. */
function recorder() {
  const told: string[] = [];
  let count = 0;
  let failNext = false;
  return {
    told,
    failOnce: () => {
      failNext = true;
    },
    start: async (signal: AbortSignal) => {
      const number = ++count;
      await Promise.resolve();
      if (failNext) {
        failNext = false;
        throw new Error(`loops ${number} do not start`);
      }
      told.push(`start ${number}`);
      signal.addEventListener('abort', () =>
        told.push(`stop ${number}: ${(signal.reason as Error).message}`),
      );
      return {
        close: async () => {
          await Promise.resolve();
          told.push(`closed ${number}`);
        },
      };
    },
  };
}

describe('loops that begin anew', () => {
  it('stop and close the old before the new start', async () => {
    const { told, start } = recorder();
    const loops = await startRestartable(start, createStopController().signal);
    await loops.restart();
    expect(told).to.deep.equal(['start 1', 'stop 1: begins anew', 'closed 1', 'start 2']);
  });

  it('do so one after the other', async () => {
    const { told, start } = recorder();
    const loops = await startRestartable(start, createStopController().signal);
    await Promise.all([loops.restart(), loops.restart()]);
    expect(told.filter((each) => !each.startsWith('stop'))).to.deep.equal([
      'start 1',
      'closed 1',
      'start 2',
      'closed 2',
      'start 3',
    ]);
  });

  it('end with the signal, and do not begin again after it', async () => {
    const { told, start } = recorder();
    const stop = createStopController();
    const loops = await startRestartable(start, stop.signal);
    await loops.restart();
    stop.abort(new Error('shutdown'));
    await loops.restart();
    await loops.close();
    expect(told.slice(4)).to.deep.equal(['stop 2: shutdown', 'closed 2']);
  });

  it('tell who asked that the new do not start, and can be asked again', async () => {
    const { told, start, failOnce } = recorder();
    const loops = await startRestartable(start, createStopController().signal);
    failOnce();
    const failure = await loops.restart().catch((error: unknown) => error);
    expect(String(failure)).to.equal('Error: loops 2 do not start');
    await loops.restart();
    await loops.close();
    expect(told.slice(2)).to.deep.equal(['closed 1', 'start 3', 'closed 3']);
  });

  it('pass on that the first do not start', async () => {
    const { start, failOnce } = recorder();
    failOnce();
    const failure = await startRestartable(start, createStopController().signal).catch(
      (error: unknown) => error,
    );
    expect(String(failure)).to.equal('Error: loops 1 do not start');
  });
});
