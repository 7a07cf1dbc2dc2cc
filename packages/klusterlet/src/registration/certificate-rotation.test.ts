import type { ManagedCluster } from '@flotilla/api';
import {
  createCertificateAuthority,
  createStopController,
  generateKeyPair,
  issueCertificate,
} from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createCertificateRotation, type RotationOptions, renewalTimeMs } from './certificate-rotation.js';
import { FakeServer } from './fake-client.fixture.js';
import { type HubCredentials, KlusterletState } from './state.js';

const minuteMs = 60_000;

describe('the rotation of the certificate', () => {
  let env: TestEnv;
  let server: FakeServer;
  let current: HubCredentials;
  let rotations: number;
  const cleanUps: (() => Promise<void>)[] = [];
  beforeEach(() => {
    env = createTestEnv();
    server = new FakeServer();
    current = issue(60 * minuteMs);
    rotations = 0;
  });
  afterEach(async () => {
    for (const cleanUp of cleanUps.splice(0)) await cleanUp();
  });

  function issue(lifeMs: number): HubCredentials {
    const ca = createCertificateAuthority({
      commonName: 'hub',
      validityMs: 365 * 86_400_000,
      nowMs: env.clock.now(),
      random: env.random,
    });
    const { privateKeyPem, publicKeyDer } = generateKeyPair();
    const certificatePem = issueCertificate({
      ca,
      publicKeyDer,
      subject: { commonName: 'system:open-cluster-management:c1:a1' },
      notBeforeMs: env.clock.now() - 5 * minuteMs,
      notAfterMs: env.clock.now() + lifeMs,
      usages: ['client auth'],
      random: env.random,
    });
    return { certificatePem, privateKeyPem };
  }

  /** Answers each request with a certificate of that life. */
  async function answer(lifeMs: number): Promise<void> {
    for (const [key, object] of server.objects) {
      if (!key.startsWith('certificatesigningrequests/') || object['status'] !== undefined) continue;
      const certificate = Buffer.from(issue(lifeMs).certificatePem).toString('base64');
      server.objects.set(key, { ...object, status: { certificate } });
    }
  }

  function start(options: Partial<RotationOptions> & { own?: ManagedCluster } = {}) {
    const { own, ...rest } = options;
    const stop = createStopController();
    const state = new KlusterletState(env.files, '/data');
    const rotation = createCertificateRotation({
      ...{ clusterName: 'c1', agentId: 'a1', hub: server.client, env, hubClock: env.clock },
      state,
      cluster: { cache: { get: () => own } } as unknown as RotationOptions['cluster'], // nothing else is asked for
      credentials: () => current,
      onRotated: async (renewed) => {
        rotations++;
        current = renewed;
        await state.forgetRenewal();
      },
      onFailed: () => undefined,
      isOutdated: () => false,
      isRefused: () => false,
      recover: async () => undefined,
      ...rest,
    });
    rotation.start(stop.signal);
    rotation.enqueue('c1');
    cleanUps.push(async () => {
      stop.abort(new Error('over'));
      await rotation.close();
    });
    return rotation;
  }
  const requests = (): number =>
    server.writes.filter((write) => write.startsWith('create certificatesigning')).length;

  async function pass(ms: number, lifeMs = 60 * minuteMs): Promise<void> {
    for (let left = ms; left > 0; left -= 1000) {
      await env.clock.advance(Math.min(left, 1000));
      await answer(lifeMs);
    }
  }

  it('comes in the last fifth of the life, and not before', async () => {
    start();
    await pass(43 * minuteMs);
    expect(requests()).to.equal(0);
    await pass(6 * minuteMs);
    expect(rotations).to.equal(1);
    await pass(40 * minuteMs);
    expect(rotations).to.equal(1);
  });

  it('counts the life from when the certificate came: short ones are dated back by more than they live', async () => {
    const { certificatePem } = issue(20_000);
    const now = env.clock.now();
    expect(renewalTimeMs(certificatePem, { random: 0 })).to.be.lessThan(now);
    const known = renewalTimeMs(certificatePem, { random: 0, receivedAtMs: now });
    expect(known - now).to.be.within(15_000, 16_000);
    current = issue(20_000);
    start();
    await pass(60_000, 20_000);
    expect(rotations).to.be.within(3, 6);
  });

  it('comes soon when the hub has a newer authority, and not again and again when it signs with the old one', async () => {
    start({ isOutdated: () => true });
    await pass(6000);
    expect(rotations).to.equal(1);
    await pass(50_000);
    expect(rotations).to.equal(1);
    await pass(30_000);
    expect(rotations).to.equal(2);
  });

  it('asks nothing of a hub that has denied the cluster', async () => {
    const conditions = [
      {
        ...{ type: 'HubAcceptedManagedCluster', status: 'False' as const, reason: 'HubClusterAdminDenied' },
        ...{ message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
      },
    ];
    const own = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1' },
      status: { conditions },
    };
    start({ own });
    await pass(58 * minuteMs);
    expect(requests()).to.equal(0);
  });

  it('recovers what has expired or is refused', async () => {
    let recoveries = 0;
    let refused = true;
    start({
      isRefused: () => refused,
      recover: async () => {
        recoveries++;
        refused = false;
      },
    });
    await pass(1000);
    expect(recoveries).to.equal(1);
    await cleanUps.pop()?.();
    await env.clock.advance(61 * minuteMs);
    start({
      recover: async () => {
        recoveries++;
        current = issue(60 * minuteMs);
      },
    });
    await pass(1000);
    expect(recoveries).to.equal(2);
    expect(requests()).to.equal(0);
  });
});
