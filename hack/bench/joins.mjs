// How many clusters can join in a second: each with a token, a certificate request, an operator's word, and a first
// call with the certificate. The joiners are the klusterlet's own bootstrap code, all in this process.

import { stop } from '../demo/processes.mjs';
import { approveAll, createToken, hubAddress, joinOne } from './joining.mjs';
import { cpuSeconds } from './machine.mjs';
import { connect, startHub } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';

const joinCount = 100;
const concurrency = 16;

export const joins = {
  name: 'join',
  async run({ directory, record }) {
    const hub = await startHub(directory, 'hub-for-joins');
    const operator = await connect(hub);
    const stopApproving = await approveAll(operator);
    const context = { directory, ...hubAddress(hub) };
    const warm = await joinOne('warm-up', { ...context, token: await createToken(operator) });
    await warm.client.transport.close();
    const tokens = [];
    await forEachIndex(
      joinCount,
      async (i) => {
        tokens[i] = await createToken(operator);
      },
      { concurrency },
    );
    const times = [];
    const cpuBefore = cpuSeconds(hub.pid);
    const began = performance.now();
    await forEachIndex(
      joinCount,
      async (i) => {
        const start = performance.now();
        const { client } = await joinOne(`c${i}`, { ...context, token: tokens[i] });
        await client.transport.close();
        times.push(performance.now() - start);
      },
      { concurrency },
    );
    record('join.perSecond', (joinCount * 1000) / (performance.now() - began));
    record('join.p50', percentile(times, 50));
    record('join.hubCpu', ((cpuSeconds(hub.pid) - cpuBefore) * 1000) / joinCount);
    await stopApproving();
    await operator.transport.close();
    await stop(hub.entry);
  },
};
