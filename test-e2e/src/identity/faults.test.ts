/**
 * What can happen to a klusterlet's identity, in the simulated world: real hub, real cluster, real agent, certificates
 * and rules, virtual time. None of it may need a person, unless a person has said no.
 */
import type { KubeObject, ManagedCluster } from '@flotilla/api';
import { revokeAgents } from '@flotilla/hub';
import { createClient, type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { World } from '../simulation/world.js';

const dayMs = 86_400_000;
const name = 'c1';

describe('faults of identity', () => {
  let world: World;
  let seed = 700;
  const c1 = () => world.cluster(name);
  const onCluster = (): KubeClient =>
    createClient(
      c1().server.dial(() => ({
        user: { username: 'u', groups: ['system:masters', 'system:authenticated'] },
      })),
    );

  beforeEach(async () => {
    world = new World({ seed: seed++, clusters: [{ name, minor: 32 }] });
    await world.start();
    await passing(world.user.create(wellKnown.manifestWorks, work('1')));
    await until('the work is applied', async () => (await value()) === '1');
  });
  afterEach(() => {
    world.close();
    expect(world.breaches.filter(({ promise }) => promise === 'start')).to.deep.equal([]);
  });

  function work(v: string): KubeObject {
    return {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name: 'w', namespace: name },
      spec: { workload: { manifests: [configMap(v)] } },
    };
  }

  function configMap(v: string): KubeObject {
    return {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'held', namespace: 'default' },
      data: { v },
    };
  }

  const value = async (): Promise<string | undefined> => {
    const { items } = await onCluster().list<KubeObject>(wellKnown.configMaps, { namespace: 'default' });
    const held = items.find(({ metadata }) => metadata.name === 'held');
    return (held?.['data'] as Record<string, string> | undefined)?.['v']; // v1 ConfigMap
  };

  const drift = (): Promise<unknown> =>
    passing(onCluster().delete(wellKnown.configMaps, { namespace: 'default', name: 'held' }));
  const corrected = (): Promise<void> => until('drift is corrected', async () => (await value()) === '1');

  /** The hub's newest word has come to the cluster, and the cluster's to the hub. */
  async function isWell(v: string): Promise<void> {
    const body = { spec: { workload: { manifests: [configMap(v)] } } };
    await passing(
      world.user.patch(wellKnown.manifestWorks, { namespace: name, name: 'w' }, { type: 'merge', body }),
    );
    await until(`the cluster has ${v}`, async () => (await value()) === v);
    await until('the hub calls it available', async () => (await world.clusterProblems(c1())).length === 0);
  }

  async function passing<T>(promise: Promise<T>): Promise<T> {
    let isDone = false;
    const done = promise.finally(() => {
      isDone = true;
    });
    done.catch(() => undefined); // awaited below
    await world.clock.settle();
    while (!isDone) await world.clock.advance(1);
    return done;
  }

  async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
    const endMs = world.clock.monotonicMs() + 600_000;
    while (!(await passing(holds()).catch(() => false))) {
      if (world.clock.monotonicMs() > endMs) throw new Error(`not reached: ${what}`);
      await world.clock.advance(100);
    }
  }

  /** Nothing runs meanwhile. */
  async function sleepFor(ms: number): Promise<void> {
    world.hub.crash();
    c1().klusterlet.crash();
    c1().server.crash();
    await world.clock.advance(ms);
    c1().server.start();
    await until('the cluster answers', async () => c1().server.isReady);
  }

  async function startHub(): Promise<void> {
    world.hub.start();
    await until('the hub is ready', async () => world.hub.isReady);
  }

  const read = async (file: string): Promise<string> =>
    Buffer.from((await c1().klusterlet.files.read(`/data/${file}`)) ?? []).toString();

  const accept = (hubAcceptsClient: boolean): Promise<unknown> =>
    passing(
      world.user.patch(
        wellKnown.managedClusters,
        { name },
        { type: 'merge', body: { spec: { hubAcceptsClient } } },
      ),
    );

  it('certificate expired while the hub was down: holds the cluster without it, then renews by itself', async () => {
    await sleepFor(365 * dayMs + 90 * dayMs);
    c1().klusterlet.revive();
    await drift();
    await corrected();
    expect(await read('problem.json'))
      .to.contain('the hub certificate expired at')
      .and.contain('renewal by');
    const before = await read('hub/tls.crt');
    await startHub();
    await isWell('2');
    expect(await read('hub/tls.crt')).not.to.equal(before);
    expect(await read('problem.json')).to.equal('');
  });

  it('certificate expired and the cluster was denied meanwhile: keeps what it has, heals when accepted again', async () => {
    await accept(false);
    await until('the denial is known', async () => {
      const cluster = await world.user.get<ManagedCluster>(wellKnown.managedClusters, { name });
      return cluster.status?.conditions?.some(({ reason }) => reason === 'HubClusterAdminDenied') === true;
    });
    await sleepFor(366 * dayMs);
    await startHub();
    c1().klusterlet.revive();
    await until('the reason is told', async () =>
      (await read('problem.json')).includes('the hub does not accept the cluster c1'),
    );
    await drift();
    await corrected();
    await accept(true);
    await isWell('2');
  });

  it('certificate expired and revoked: it is not renewed', async () => {
    await passing(revokeAgents(world.user, { cluster: name, nowMs: world.clock.now() }));
    await sleepFor(366 * dayMs);
    await startHub();
    c1().klusterlet.revive();
    await until('the reason is told', async () =>
      (await read('problem.json')).includes('the hub revoked the certificates of this cluster'),
    );
    await drift();
    await corrected();
  });

  it('certificate expired while the cluster was being removed: it is renewed, and what works applied goes first', async () => {
    c1().klusterlet.crash();
    await passing(world.user.delete(wellKnown.managedClusters, { name }));
    await sleepFor(366 * dayMs);
    await startHub();
    expect(await value()).to.equal('1');
    c1().klusterlet.revive();
    const isKnown = async (): Promise<boolean> => {
      const { items } = await world.user.list<ManagedCluster>(wellKnown.managedClusters);
      return items.some(({ metadata }) => metadata.name === name);
    };
    await until('the cluster is gone', async () => !(await isKnown()));
    expect(await value()).to.equal(undefined);
  });

  it('its namespace on the hub deleted: works go, and namespace, rights and heartbeat come back', async () => {
    const { metadata: before } = await passing(world.user.get(wellKnown.namespaces, { name }));
    c1().klusterlet.crash();
    await passing(world.user.delete(wellKnown.namespaces, { name }));
    await world.clock.advance(60_000);
    // It has to clean up before all of its rights go.
    expect(await value()).to.equal('1');
    c1().klusterlet.revive();
    await until('there is another namespace', async () => {
      const { metadata } = await world.user.get<KubeObject>(wellKnown.namespaces, { name });
      return metadata.uid !== before.uid && metadata.deletionTimestamp === undefined;
    });
    expect(await value()).to.equal(undefined);
    await passing(world.user.create(wellKnown.manifestWorks, work('2')));
    await until('a new work is applied', async () => (await value()) === '2');
    await until('the hub calls it available', async () => (await world.clusterProblems(c1())).length === 0);
  });

  it('key file truncated: goes on from the copy in its cluster', async () => {
    c1().klusterlet.crash();
    await passing(c1().klusterlet.files.write('/data/hub/tls.key', Buffer.from('-----BEGIN EC')));
    c1().klusterlet.revive();
    await isWell('2');
    expect(await read('hub/tls.key')).to.contain('END EC PRIVATE KEY');
  });

  it('key file truncated and the copy lost: holds the cluster without a hub', async () => {
    c1().klusterlet.crash();
    await passing(c1().klusterlet.files.write('/data/hub/tls.key', Buffer.from('')));
    await passing(
      onCluster().delete(wellKnown.secrets, {
        namespace: 'open-cluster-management-agent',
        name: 'hub-kubeconfig-secret',
      }),
    );
    c1().klusterlet.revive();
    await drift();
    await corrected();
    await until('the reason is told', async () =>
      (await read('problem.json')).includes('the hub certificate is lost'),
    );
  });

  for (const step of ['hub/next.json', 'hub/tls.key', 'hub/tls.crt']) {
    it(`rotation interrupted before ${step} is there`, async () => {
      // As late as the rotation's own time, but asked for by an agent that starts then.
      await sleepFor(300 * dayMs);
      await startHub();
      const { files } = c1().klusterlet;
      const before = await read('hub/tls.crt');
      const stop = stopAt(files, `/data/${step}`, () => c1().klusterlet.crash());
      c1().klusterlet.revive();
      await until('it was stopped', async () => stop.isStopped());
      c1().klusterlet.revive();
      await isWell('2');
      await until('the files are whole', async () => (await read('hub/next.json')) === '');
      expect(await read('hub/tls.crt')).not.to.equal(before);
    });
  }
});

interface Writable {
  write(path: string, data: Uint8Array | string, options?: { mode?: number }): Promise<void>;
}

/** Calls `crash` once, in place of the first write to the path. */
function stopAt(files: Writable, path: string, crash: () => void): { isStopped(): boolean } {
  const write = files.write.bind(files);
  let isStopped = false;
  files.write = async (where, data, options) => {
    if (where === path && !isStopped) {
      isStopped = true;
      crash();
      return new Promise(() => undefined); // the process is gone
    }
    await write(where, data, options);
  };
  return { isStopped: () => isStopped };
}
