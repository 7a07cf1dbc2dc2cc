/**
 * Peers that mean harm, or are broken: bad requests in masses, giant objects, slow-loris connections, watches that are
 * never read, bytes that are neither TLS nor HTTP. Meanwhile a klusterlet keeps its lease and its works, the hub's memory
 * stays bounded (P8), and nobody is answered with a failure of the hub. What the bodies of requests may do to it in
 * detail: `fuzz/`; a user who floods it with good ones: `conformance/fairness.test.ts`.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import type { KubeObject } from '@flotilla/api';
import { type KubeClient, loadKubeconfig, wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type Conditioned, Fleet } from '../support/fleet.js';
import { eventually, pause } from '../support/processes.js';
import { checkConverged, connect, createForeign, shortEviction } from './fleet-under-faults.js';
import { WorkLoad } from './work-load.js';

const heartbeatSeconds = 3;
/** More than any of it may cost. One watch that is not read may hold 8 MiB, a body that is received 3 MiB. */
const memoryBoundMiB = 400;
const namespace = 'cluster1';

interface LeaseObject extends KubeObject {
  readonly spec?: { readonly renewTime?: string };
}

describe('a hub among hostile clients', function () {
  this.timeout(240_000);
  const fleet = new Fleet();
  const open: Socket[] = [];
  let client: KubeClient;
  let clusterClient: KubeClient;
  let load: WorkLoad;
  let foreign: Awaited<ReturnType<typeof createForeign>>;
  let admin: { ca: string; cert: string; key: string };
  let availableSince: string;
  let renewedBefore: string;
  let memoryBefore = 0;

  before(async () => {
    await fleet.startHub();
    const cluster = await fleet.startCluster(namespace, { klusterletFlags: shortEviction });
    await fleet.join(cluster);
    client = await connect(fleet.hubKubeconfig);
    clusterClient = await connect(cluster.kubeconfig);
    const config = loadKubeconfig(readFileSync(fleet.hubKubeconfig, 'utf8'));
    admin = {
      ca: config.cluster.caData ?? '',
      cert: config.user.clientCertificateData ?? '',
      key: config.user.clientKeyData ?? '',
    };
    const body = { spec: { leaseDurationSeconds: heartbeatSeconds } };
    await client.patch(wellKnown.managedClusters, { name: namespace }, { type: 'merge', body });
    foreign = await createForeign(clusterClient);
    load = new WorkLoad({ client, namespace, random: createSeededRandom(1), writers: 2, pauseMs: 100 });
    await fleet.available(cluster);
    memoryBefore = memoryMiB();
  });
  beforeEach(async () => {
    availableSince = await transition();
    renewedBefore = await renewal();
    load.start();
  });
  /** What holds whatever they do. */
  afterEach(async () => {
    for (const socket of open.splice(0)) socket.destroy();
    await load.stop();
    expect(fleet.hub.isRunning, fleet.hub.output).to.equal(true);
    expect(memoryMiB(), 'memory of the hub').to.be.lessThan(memoryBefore + memoryBoundMiB);
    await checkConverged({ hub: client, cluster: clusterClient, namespace, load, foreign });
    await eventually('the heartbeat goes on', async () => (await renewal()) > renewedBefore);
    expect(await transition(), 'the cluster was always available').to.equal(availableSince);
  });
  after(async () => {
    await client?.transport.close();
    await clusterClient?.transport.close();
    await fleet.close();
  });

  async function transition(): Promise<string> {
    const { status } = await fleet.hubGet<Conditioned>('managedcluster', namespace);
    const found = status?.conditions?.find(({ type }) => type === 'ManagedClusterConditionAvailable');
    expect(found?.status).to.equal('True');
    return (found as unknown as { lastTransitionTime: string }).lastTransitionTime; // a metav1.Condition
  }

  async function renewal(): Promise<string> {
    const key = { namespace, name: 'managed-cluster-lease' };
    return (await client.get<LeaseObject>(wellKnown.leases, key)).spec?.renewTime ?? '';
  }

  function memoryMiB(): number {
    const status = readFileSync(`/proc/${fleet.hub.pid}/status`, 'utf8');
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) / 1024;
  }

  /** The answer's code; 0 when the connection was ended without one. */
  function send(
    method: string,
    path: string,
    {
      body,
      headers = {},
      isAdmin = false,
    }: { body?: string | Buffer; headers?: Record<string, string>; isAdmin?: boolean },
  ): Promise<number> {
    return new Promise((resolve) => {
      const identity = isAdmin ? { cert: admin.cert, key: admin.key } : {};
      const to = { host: '127.0.0.1', port: fleet.hubPort, method, path, headers, agent: false as const };
      const outgoing = request({ ...to, ca: admin.ca, ...identity }, (answer) => {
        answer.resume();
        answer.once('close', () => resolve(answer.statusCode ?? 0));
      });
      outgoing.once('error', () => resolve(0));
      outgoing.end(body);
    });
  }

  it('refuses bad requests in masses', async () => {
    const json = { 'content-type': 'application/json' };
    const works = `/apis/work.open-cluster-management.io/v1/namespaces/${namespace}/manifestworks`;
    const bad: readonly (() => Promise<number>)[] = [
      () => send('GET', '/api/v1/secrets', {}),
      () => send('GET', `/${randomBytes(20).toString('hex')}`, {}),
      () => send('GET', '/api/v1/pods?limit=-1&continue=%00', { isAdmin: true }),
      () => send('POST', works, { body: '{"apiVersion":', headers: json, isAdmin: true }),
      () => send('POST', works, { body: randomBytes(2000), headers: json, isAdmin: true }),
      () => send('POST', works, { body: '[]', headers: { 'content-type': 'text/plain' }, isAdmin: true }),
      () =>
        send('PATCH', `${works}/none`, {
          body: '{}',
          headers: { 'content-type': 'application/x' },
          isAdmin: true,
        }),
      () =>
        send('GET', '/api/v1/pods', {
          headers: { authorization: `Bearer ${randomBytes(30).toString('hex')}` },
        }),
      () => send('PROPFIND', '/', {}),
    ];
    const answers: number[] = [];
    const worker = async (): Promise<void> => {
      for (let i = 0; i < 40; i++) answers.push(await (bad[i % bad.length]?.() ?? 0));
    };
    await Promise.all(Array.from({ length: 10 }, worker));
    expect(answers).to.have.length(400);
    expect(answers.filter((code) => code !== 0 && (code < 400 || code > 499))).to.deep.equal([]);
  });

  it('refuses giant objects', async () => {
    const path = '/api/v1/namespaces/default/configmaps';
    const headers = { 'content-type': 'application/json' };
    const object = (length: number): string =>
      JSON.stringify({ metadata: { name: 'giant' }, data: { text: 'x'.repeat(length) } });
    const deep = `{"metadata":{"name":"deep"},"data":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`;
    const bodies = [
      object(4 << 20),
      object(64 << 20),
      object(2 << 20),
      deep,
      `{"data":{${'"k":"v",'.repeat(300_000)}"k":"v"}}`,
    ];
    const answers = await Promise.all(
      [...bodies, ...bodies].map((body) => send('POST', path, { body, headers, isAdmin: true })),
    );
    // 0: it was told, and went on sending all the same.
    for (const [i, code] of answers.entries()) expect(code, `body ${i}`).to.be.oneOf([0, 400, 413, 422]);
    const { items } = await client.list<KubeObject>(wellKnown.configMaps, { namespace: 'default' });
    expect(items.map(({ metadata }) => metadata.name)).not.to.include.members(['giant', 'deep']);
  });

  it('is not held up by connections that trickle', async () => {
    const heads = [
      'GET / HTTP/1.1\r\nhost: h\r\n',
      'POST /api/v1/namespaces HTTP/1.1\r\nhost: h\r\ncontent-length: 1000000\r\n\r\n{',
    ];
    for (let i = 0; i < 200; i++) {
      const socket = connectTls({
        host: '127.0.0.1',
        port: fleet.hubPort,
        rejectUnauthorized: false,
        ALPNProtocols: ['http/1.1'],
      });
      socket.on('error', () => undefined); // ended by the hub, as it should
      socket.once('secureConnect', () => socket.write(heads[i % 2] ?? ''));
      open.push(socket);
    }
    for (let i = 0; i < 10; i++) {
      await pause(200);
      for (const socket of open) if (socket.writable) socket.write('x');
      expect(await send('GET', '/readyz', {})).to.equal(200);
    }
  });

  it('does not keep what nobody reads', async () => {
    const made = wellKnown.configMaps;
    const key = { namespace: 'default', name: 'large' };
    const text = () => randomBytes(150_000).toString('hex');
    await client.create(made, { apiVersion: 'v1', kind: 'ConfigMap', metadata: key, data: { text: text() } });
    const path = '/api/v1/namespaces/default/configmaps?watch=true';
    const session = connectHttp2(`https://127.0.0.1:${fleet.hubPort}`, admin);
    session.on('error', () => undefined); // ended by the hub, perhaps
    for (let i = 0; i < 20; i++) {
      const socket = connectTls({
        host: '127.0.0.1',
        port: fleet.hubPort,
        ...admin,
        ALPNProtocols: ['http/1.1'],
      });
      socket.on('error', () => undefined); // as above
      socket.once('secureConnect', () => socket.write(`GET ${path} HTTP/1.1\r\nhost: h\r\n\r\n`));
      socket.pause();
      open.push(socket);
      session
        .request({ ':path': path })
        .on('error', () => undefined)
        .pause();
    }
    await pause(500);
    for (let i = 0; i < 60; i++) {
      await client.patch(made, key, { type: 'merge', body: { data: { text: text() } } });
    }
    // 40 watches of 60 events of 300 kB would be 720 MiB.
    expect(memoryMiB()).to.be.lessThan(memoryBefore + memoryBoundMiB);
    session.destroy();
    await client.delete(made, key);
  });

  it('survives bytes that are neither TLS nor HTTP', async () => {
    const preface = 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n';
    const raw: readonly (string | Buffer)[] = [
      randomBytes(3000),
      'GET / HTTP/1.1\r\n\r\n',
      Buffer.from([0x16, 3, 1, 0xff, 0xff, 1, 0, 0, 0]),
      Buffer.concat([Buffer.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]), randomBytes(500)]),
      Buffer.from([0x15, 3, 3, 0, 2, 2, 40]),
      '',
    ];
    const inside: readonly (string | Buffer)[] = [
      'GET / HTTP/9.9\r\n\r\n',
      'GET /\0 HTTP/1.1\r\nhost: h\r\n\r\n',
      'POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\nzz\r\n',
      `GET / HTTP/1.1\r\nhost: h\r\nx: ${'y'.repeat(300_000)}\r\n\r\n`,
      Buffer.concat([Buffer.from(preface), randomBytes(2000)]),
      // A SETTINGS frame with the length of no setting, and a HEADERS frame on stream 0.
      Buffer.concat([Buffer.from(preface), Buffer.from([0, 0, 5, 4, 0, 0, 0, 0, 0, 1, 2, 3, 4, 5])]),
      Buffer.concat([
        Buffer.from(preface),
        Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 1, 1, 4, 0, 0, 0, 0, 0x82]),
      ]),
    ];
    for (let round = 0; round < 10; round++) {
      for (const bytes of raw) {
        const socket = connectTcp({ host: '127.0.0.1', port: fleet.hubPort });
        socket.on('error', () => undefined); // the hub ends it
        socket.once('connect', () => socket.end(bytes));
        open.push(socket);
      }
      for (const [i, bytes] of inside.entries()) {
        const ALPNProtocols = [i < 4 ? 'http/1.1' : 'h2'];
        const socket = connectTls({
          host: '127.0.0.1',
          port: fleet.hubPort,
          rejectUnauthorized: false,
          ALPNProtocols,
        });
        socket.on('error', () => undefined); // as above
        socket.once('secureConnect', () => socket.end(bytes));
        open.push(socket);
      }
      await pause(100);
    }
    expect(await send('GET', '/readyz', {})).to.equal(200);
  });
});
