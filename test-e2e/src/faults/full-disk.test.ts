/**
 * A hub whose disk is full (a small tmpfs): it says so, goes on reading, loses nothing that it acknowledged, and takes
 * writes again as soon as there is space, without anybody's help. Skipped where tmpfs cannot be mounted.
 */
import { mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { hasReason, type KubeObject, StatusError } from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { configMap, Fleet, must, work } from '../support/fleet.js';
import { eventually, pause, run } from '../support/processes.js';
import { checkConverged, connect, createForeign, shortEviction } from './fleet-under-faults.js';
import { WorkLoad } from './work-load.js';

const sizeMiB = 32;
const namespace = 'default';

describe('a hub whose disk is full', function () {
  this.timeout(240_000);
  const fleet = new Fleet();
  const disk = join(fleet.directory, 'disk');
  const ballast = join(disk, 'ballast');
  let client: KubeClient;
  let isMounted = false;

  before(async function () {
    mkdirSync(disk);
    const mounted = await run('mount', ['-t', 'tmpfs', '-o', `size=${sizeMiB}m`, 'tmpfs', disk]).catch(
      String,
    );
    if (typeof mounted === 'string' || mounted.code !== 0) {
      const why = typeof mounted === 'string' ? mounted : mounted.stderr.trim();
      process.stdout.write(`      skipped: this machine does not allow to mount a small disk (${why})\n`);
      this.skip();
    }
    isMounted = true;
    await fleet.startHub(['--data-dir', join(disk, 'hub')]);
    await fleet.join(await fleet.startCluster('cluster1', { klusterletFlags: shortEviction }));
    client = await connect(fleet.hubKubeconfig);
  });
  after(async () => {
    await client?.transport.close();
    for (const { klusterlet, server } of fleet.clusters)
      await Promise.all([klusterlet.stop(), server.stop()]);
    await fleet.hub.stop();
    if (isMounted) must(await run('umount', [disk]));
    await fleet.close();
  });
  const cluster = () => fleet.clusters[0] ?? expect.fail('no cluster');

  /** The hub may be writing, too: then it is full before the last byte. */
  function fill(): void {
    const { bavail, bsize } = statfsSync(disk);
    try {
      writeFileSync(ballast, Buffer.alloc(bavail * bsize, 1));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error; // what fs throws
    }
  }

  /** Writes, smaller and smaller, until the disk is full to the last page; what was acknowledged, and the refusal. */
  async function writeUntilRefused(prefix: string): Promise<{ made: string[]; refusal: StatusError }> {
    const made: string[] = [];
    let length = 50_000;
    for (let i = 0; i < 5000; i++) {
      const name = `${prefix}-${i}`;
      const data = { text: 'x'.repeat(length) };
      try {
        await client.create(wellKnown.configMaps, {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { name, namespace },
          data,
        });
        made.push(name);
      } catch (error) {
        if (!(error instanceof StatusError)) throw new Error(`${String(error)}: ${fleet.hub.output}`);
        if (length < 100) return { made, refusal: error };
        length = Math.floor(length / 10);
      }
    }
    throw new Error('the disk was never full');
  }

  async function namesOf(prefix: string): Promise<string[]> {
    const { items } = await client.list<KubeObject>(wellKnown.configMaps, { namespace });
    return items.flatMap(({ metadata: { name = '' } }) => (name.startsWith(prefix) ? [name] : [])).sort();
  }

  it('says so, reads on, and takes writes again when there is space', async () => {
    await fleet.apply(work(cluster(), 'before', [configMap('before', { v: '1' })]));
    await fleet.workApplied(cluster(), 'before');
    fill();
    const { made, refusal } = await writeUntilRefused('full');
    expect(refusal.code, refusal.message).to.equal(507);
    expect(refusal.message).to.match(/disk|space/);
    expect(fleet.hub.isRunning, fleet.hub.output).to.equal(true);
    expect(await namesOf('full')).to.deep.equal([...made].sort());
    // A user sees the same sentence, and no stack.
    const { code, stderr } = await fleet.kubectl('create', 'configmap', 'no-room');
    expect(code, stderr).to.equal(1);
    expect(stderr)
      .to.match(/disk|space/)
      .and.not.to.match(/\n\s+at /);
    // The cluster is held meanwhile.
    must(await fleet.on(cluster(), 'delete', 'configmap', 'before'));
    await eventually(
      'drift is corrected',
      async () => (await fleet.on(cluster(), 'get', 'configmap', 'before')).code === 0,
    );
    rmSync(ballast);
    await eventually('the hub takes writes again', async () => {
      try {
        await client.create(wellKnown.namespaces, {
          apiVersion: 'v1',
          kind: 'Namespace',
          metadata: { name: 'room' },
        });
        return true;
      } catch (error) {
        if (error instanceof StatusError && error.code === 507) return false;
        if (hasReason(error, 'AlreadyExists')) return true;
        throw error;
      }
    });
    await fleet.apply(work(cluster(), 'after', [configMap('after', { v: '1' })]));
    await fleet.workApplied(cluster(), 'after');
  });

  it('has lost nothing when it is killed on a full disk', async () => {
    fill();
    const { made } = await writeUntilRefused('killed');
    await fleet.hub.stop('SIGKILL');
    rmSync(ballast);
    fleet.hub.start();
    await fleet.hubReady();
    expect(await namesOf('killed')).to.include.members(made);
    await fleet.apply(work(cluster(), 'later', [configMap('later', { v: '1' })]));
    await fleet.workApplied(cluster(), 'later');
  });

  it('keeps what is promised for works that are written while space comes and goes', async () => {
    const clusterClient = await connect(cluster().kubeconfig);
    for (const name of ['before', 'after', 'later']) {
      must(await fleet.kubectl('delete', 'manifestwork', name, '-n', 'cluster1', '--timeout=60s'));
    }
    const foreign = await createForeign(clusterClient);
    const random = createSeededRandom(1);
    const load = new WorkLoad({ client, namespace: 'cluster1', random });
    load.start();
    for (let i = 0; i < 3; i++) {
      fill();
      await writeUntilRefused(`wave-${i}`);
      rmSync(ballast);
      await pause(1000);
    }
    await load.stop();
    await checkConverged({ hub: client, cluster: clusterClient, namespace: 'cluster1', load, foreign });
    expect(load.acknowledged).to.be.greaterThan(0);
    await clusterClient.transport.close();
  });
});
