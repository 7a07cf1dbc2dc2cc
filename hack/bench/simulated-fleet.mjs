// Processes full of simulated klusterlets (`klusterlets.mjs`): started, told whom to join, and ended, as one fleet.
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createToken } from './joining.mjs';
import { forEachIndex } from './statistics.mjs';

const klusterlets = fileURLToPath(new URL('./klusterlets.mjs', import.meta.url));
/** More would make one process of klusterlets slower than a hub. */
const clustersPerProcess = 2500;
const concurrency = 16;

/** Names with a token each, from `c<first>` on. */
export async function createTokens(operator, count, first = 0) {
  const clusters = Array.from({ length: count }, (_, i) => ({ name: `c${first + i}` }));
  await forEachIndex(
    count,
    async (i) => {
      clusters[i].token = await createToken(operator);
    },
    { concurrency: 64 },
  );
  return clusters;
}

/** `context` is what a joiner needs: directory and hub. */
export function createSimulatedFleet(context) {
  const processes = [];
  return {
    /** Resolves when every one of these has used its certificate; they go on until the fleet is closed. */
    join: async (clusters, { onJoined = () => undefined } = {}) => {
      const count = Math.ceil(clusters.length / clustersPerProcess);
      const size = Math.ceil(clusters.length / count);
      await Promise.all(
        Array.from({ length: count }, async (_, i) => {
          const child = startProcess();
          processes.push(child);
          const own = clusters.slice(i * size, (i + 1) * size);
          child.send({ clusters: own, context, concurrency: Math.ceil(concurrency / count) });
          await untilJoined(child, { count: own.length, onJoined });
        }),
      );
    },
    close: async () => {
      for (const child of processes) child.disconnect();
      await Promise.all(processes.map((child) => child.exitCode ?? once(child, 'exit')));
    },
  };
}

function startProcess() {
  const child = fork(klusterlets, { execArgv: [] });
  const kill = () => child.kill('SIGKILL');
  process.once('exit', kill);
  child.once('exit', () => process.off('exit', kill));
  return child;
}

function untilJoined(child, { count, onJoined }) {
  return new Promise((resolve, reject) => {
    let left = count;
    child.once('exit', () => reject(new Error('the process of the klusterlets has ended')));
    child.on('message', ({ failed }) => {
      if (failed !== undefined) {
        reject(new Error(`a cluster did not join: ${failed}`));
        return;
      }
      onJoined();
      if (--left === 0) resolve();
    });
  });
}
