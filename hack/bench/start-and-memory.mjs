// How long a hub and a bare API server take to be ready, and what they hold when nothing happens.
import { join } from 'node:path';
import { pause, stop } from '../demo/processes.mjs';
import { cpuSeconds, peakMiB, residentMiB } from './machine.mjs';
import { startApiServer, startHub } from './parts.mjs';

export const startAndMemory = {
  name: 'start',
  async run({ directory, record }) {
    const hub = await startHub(directory);
    record('start.hub', hub.seconds);
    record('start.hub.cpu', cpuSeconds(hub.pid));
    const apiserver = await startApiServer(directory);
    record('start.apiserver', apiserver.seconds);
    record('start.apiserver.cpu', cpuSeconds(apiserver.pid));
    await pause(3000);
    record('start.hub.rss3', residentMiB(hub.pid));
    record('start.apiserver.rss3', residentMiB(apiserver.pid));
    await pause(7000);
    record('start.hub.rss10', residentMiB(hub.pid));
    record('start.apiserver.rss10', residentMiB(apiserver.pid));
    record('start.hub.peak', peakMiB(hub.pid));
    record('start.apiserver.peak', peakMiB(apiserver.pid));
    await stop(apiserver.entry);
    await stop(hub.entry);
    const again = await startHub(join(directory));
    record('start.hub.restart', again.seconds);
    await stop(again.entry);
  },
};
