// How many clusters can join in a second: each with a token, a certificate request, an operator's word, and a first
// call with the certificate. The joiners are the klusterlet's own bootstrap code, all in this process.

import { stop } from '../demo/processes.mjs';
import { approveAll, createToken, hubAddress, joinOne } from './joining.mjs';
import { connect, startHub } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';
import { measureUse, recordUse } from './usage.mjs';

const joinCount = 100;
const concurrency = 16;
const warmUpCount = 16;

export const joins = {
  name: 'join',
  async run({ directory, record }) {
    const hub = await startHub(directory, 'hub-for-joins');
    const operator = await connect(hub);
    const stopApproving = await approveAll(operator);
    const context = { directory, ...hubAddress(hub) };
    for (let i = 0; i < warmUpCount; i++) {
      const warm = await joinOne(`warm-up-${i}`, { ...context, token: await createToken(operator) });
      await warm.client.transport.close();
    }
    const tokens = [];
    await forEachIndex(
      joinCount,
      async (i) => {
        tokens[i] = await createToken(operator);
      },
      { concurrency },
    );
    const times = [];
    const measuring = measureUse({ hub: [hub.pid] });
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
    const use = measuring.finish();
    record('join.perSecond', (joinCount * 1000) / (performance.now() - began));
    record('join.p50', percentile(times, 50));
    recordUse(record, { part: 'join', use, scale: 1000 / joinCount });
    await stopApproving();
    await operator.transport.close();
    await stop(hub.entry);
  },
};
