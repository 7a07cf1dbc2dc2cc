/**
 * A hub that has no file descriptor left, because somebody opens connections and keeps them: the klusterlet that is
 * there goes on, nothing that was acknowledged is lost, and the hub takes connections again when they are gone.
 */
import { readdirSync } from 'node:fs';
import { connect as connectTcp, type Socket } from 'node:net';
import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { configMap, Fleet, work } from '../support/fleet.js';
import { eventually, pause } from '../support/processes.js';
import { connect } from './fleet-under-faults.js';

const limit = 80;

describe('a hub that has no file descriptor left', function () {
  this.timeout(180_000);
  const fleet = new Fleet();
  const sockets: Socket[] = [];

  before(async () => {
    // exec: the shell becomes the hub, and the signals of the test reach it.
    await fleet.startHub([], ['sh', '-c', `ulimit -n ${limit} && exec "$@"`, 'sh']);
    await fleet.join(await fleet.startCluster('cluster1'));
  });
  after(async () => {
    for (const socket of sockets) socket.destroy();
    await fleet.close();
  });
  const cluster = () => fleet.clusters[0] ?? expect.fail('no cluster');
  const handles = (): number => readdirSync(`/proc/${fleet.hub.pid}/fd`).length;

  function crowd(): void {
    for (let i = 0; i < limit * 2; i++) {
      const socket = connectTcp({ host: '127.0.0.1', port: fleet.hubPort });
      socket.on('error', () => undefined); // turned away
      sockets.push(socket);
    }
  }

  it('serves who is there, and everybody again when the crowd is gone', async () => {
    const client = await connect(fleet.hubKubeconfig);
    const at = { namespace: 'cluster1' };
    await client.create<KubeObject>(
      wellKnown.manifestWorks,
      work(cluster(), 'w', [configMap('w', { v: '1' })]) as KubeObject,
    );
    await fleet.workApplied(cluster(), 'w');
    crowd();
    await eventually('every descriptor is taken', () => handles() >= limit - 1);
    for (let v = 2; v < 7; v++) {
      const spec = { workload: { manifests: [configMap('w', { v: String(v) })] } };
      await client.patch(wellKnown.manifestWorks, { ...at, name: 'w' }, { type: 'merge', body: { spec } });
      await eventually(`the cluster holds ${v}`, async () => {
        const held = await fleet.get<{ data: { v: string } }>(cluster(), 'configmap', 'w');
        return held.data.v === String(v);
      });
      crowd();
      await pause(200);
    }
    expect(fleet.hub.isRunning, fleet.hub.output).to.equal(true);
    for (const socket of sockets.splice(0)) socket.destroy();
    await fleet.hubReady();
    await fleet.workApplied(cluster(), 'w');
    expect(handles()).to.be.lessThan(limit - 10);
    await client.transport.close();
    // One that starts anew is let in, too.
    await cluster().klusterlet.stop('SIGKILL');
    cluster().klusterlet.start();
    await fleet.apply(work(cluster(), 'w', [configMap('w', { v: 'last' })]));
    await fleet.workApplied(cluster(), 'w');
  });
});
