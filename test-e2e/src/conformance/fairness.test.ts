/** A user who floods the server harms nobody else, and is told to come back later. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import {
  authorityOf,
  type ClientIdentity,
  clientCertificate,
  servingCertificate,
  strangeAuthority,
} from '../support/credentials.js';
import { rbac } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const configMaps = '/api/v1/namespaces/default/configmaps';
const leases = '/apis/coordination.k8s.io/v1/namespaces/default/leases';

interface Answer {
  readonly status: number;
  readonly retryAfter: string | undefined;
}

describe('priority and fairness', () => {
  const server = new TestServer();
  const sessions: ClientHttp2Session[] = [];
  let noisy: ClientIdentity;
  let quiet: ClientIdentity;

  before(async () => {
    // Of these, users have two seats, and one user one of them.
    await server.start({
      flags: ['--max-requests-inflight', '10', '--max-mutating-requests-inflight', '10'],
    });
    noisy = clientCertificate(authorityOf(server), { user: 'noisy', groups: ['users'] });
    quiet = clientCertificate(authorityOf(server), { user: 'quiet', groups: ['users'] });
    await server.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: 'users' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'edit' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'users' }],
    });
    await server.create(`${rbac}/clusterroles`, {
      metadata: { name: 'leases' },
      rules: [{ apiGroups: ['coordination.k8s.io'], resources: ['leases'], verbs: ['*'] }],
    });
    await server.create(`${rbac}/clusterrolebindings`, {
      metadata: { name: 'leases' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'leases' },
      subjects: [{ apiGroup: 'rbac.authorization.k8s.io', kind: 'Group', name: 'users' }],
    });
    await server.create(leases, { metadata: { name: 'l' }, spec: { holderIdentity: 'quiet' } });
    const data = { text: 'a'.repeat(2000) };
    for (let i = 0; i < 200; i++) await server.create(configMaps, { metadata: { name: `m-${i}` }, data });
  });
  after(async () => {
    for (const session of sessions) session.destroy();
    await server.stop();
  });

  function connectAs({ certificate, key }: ClientIdentity): ClientHttp2Session {
    const session = connect(server.url, { ca: server.ca, cert: certificate, key });
    session.on('error', () => undefined); // destroyed at the end
    sessions.push(session);
    return session;
  }

  async function list(session: ClientHttp2Session): Promise<Answer> {
    const stream = session.request({ ':path': configMaps });
    const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }];
    stream.resume();
    await once(stream, 'close');
    const retryAfter = headers['retry-after'];
    return { status: headers[':status'], retryAfter };
  }

  it("lets leases and another user's requests through a flood of 2,000 lists", async () => {
    const noisySessions = Array.from({ length: 4 }, () => connectAs(noisy));
    await Promise.all(noisySessions.map((session) => once(session, 'connect')));
    let answered = 0;
    const flood = Promise.all(
      noisySessions.flatMap((session) =>
        Array.from({ length: 500 }, async () => {
          const answer = await list(session);
          answered++;
          return answer;
        }),
      ),
    );
    const answeredThen: number[] = [];
    for (let i = 0; i < 20; i++) {
      const renewed = await server.patch(
        `${leases}/l`,
        'merge',
        { spec: { renewTime: new Date().toISOString().replace('Z', '000Z') } },
        { as: quiet },
      );
      expect(renewed.status, renewed.text).to.equal(200);
      expect((await server.get(`${configMaps}/m-0`, { as: quiet })).status).to.equal(200);
      answeredThen.push(answered);
    }
    const answers = await flood;
    // The flood was still on when the first came through.
    expect(answeredThen[0]).to.be.lessThan(2000);
    const [served, refused] = [200, 429].map((status) =>
      answers.filter((answer) => answer.status === status),
    );
    expect((served?.length ?? 0) + (refused?.length ?? 0)).to.equal(2000);
    expect(served?.length).to.be.greaterThan(100);
    expect(new Set(refused?.map(({ retryAfter }) => retryAfter))).to.deep.equal(
      new Set(refused?.length === 0 ? [] : ['1']),
    );
    const metrics = (await server.get('/metrics')).text;
    expect(metrics).to.match(
      /apiserver_flowcontrol_dispatched_requests_total\{priority_level="leader-election"\} \d/,
    );
    expect(metrics).to.contain(
      'apiserver_flowcontrol_current_inqueue_requests{priority_level="global-default"} 0',
    );
  });

  it('is waited for by kubectl, which comes back when it is told to', async () => {
    const user = {
      'client-certificate-data': Buffer.from(noisy.certificate).toString('base64'),
      'client-key-data': Buffer.from(noisy.key).toString('base64'),
    };
    const cluster = {
      server: server.url,
      'certificate-authority-data': Buffer.from(server.ca).toString('base64'),
    };
    const kubeconfig = join(server.directory, 'noisy');
    writeFileSync(
      kubeconfig,
      JSON.stringify({
        apiVersion: 'v1',
        kind: 'Config',
        clusters: [{ name: 'c', cluster }],
        users: [{ name: 'u', user }],
        contexts: [{ name: 'c', context: { cluster: 'c', user: 'u' } }],
        'current-context': 'c',
      }),
    );
    const gate = await createGate();
    await server.create('/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations', {
      metadata: { name: 'gate' },
      webhooks: [
        {
          name: 'gate.example.com',
          admissionReviewVersions: ['v1'],
          sideEffects: 'None',
          timeoutSeconds: 30,
          clientConfig: { url: gate.url, caBundle: Buffer.from(gate.ca).toString('base64') },
          rules: [
            { apiGroups: [''], apiVersions: ['v1'], resources: ['configmaps'], operations: ['CREATE'] },
          ],
        },
      ],
    });
    // One is at work, as many as may be wait.
    const session = connectAs(noisy);
    const writes = Array.from({ length: 201 }, (_, i) => create(session, `w-${i}`));
    await eventually('the queue is full', async () =>
      (await server.get('/metrics')).text.includes(
        'apiserver_flowcontrol_current_inqueue_requests{priority_level="global-default"} 200',
      ),
    );
    const kubectl = spawn('kubectl', [
      '--kubeconfig',
      kubeconfig,
      '-v=8',
      'get',
      '--raw',
      `${configMaps}/m-0`,
    ]);
    let log = '';
    kubectl.stderr.on('data', (chunk: Buffer) => {
      log += String(chunk);
    });
    const ended = once(kubectl, 'close');
    try {
      await eventually('kubectl is told to come back', () => /Retry-After/i.test(log));
      expect((await server.get(`${configMaps}/m-0`, { as: quiet })).status, 'another user').to.equal(200);
    } finally {
      gate.open();
    }
    expect((await ended)[0], log).to.equal(0);
    // On a slow machine the last of them have waited too long by then.
    const [first, ...waited] = await Promise.all(writes);
    expect(first).to.equal(201);
    expect(waited).to.include(201);
    for (const status of waited) expect(status).to.be.oneOf([201, 429]);
    await gate.close();
  });

  async function create(session: ClientHttp2Session, name: string): Promise<number> {
    const stream = session.request({
      ':path': configMaps,
      ':method': 'POST',
      'content-type': 'application/json',
    });
    stream.end(JSON.stringify({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name } }));
    const [headers] = (await once(stream, 'response')) as [{ ':status': number }];
    stream.resume();
    return headers[':status'];
  }
});

/** A webhook that answers when it is opened, and that everybody may pass then. */
async function createGate() {
  const authority = strangeAuthority();
  const { certificate, key } = servingCertificate(authority);
  const waiting: (() => void)[] = [];
  let isOpen = false;
  const hook = createServer({ cert: certificate, key }, (request, response) => {
    let text = '';
    request.on('data', (chunk: Buffer) => {
      text += String(chunk);
    });
    request.on('end', () => {
      const { request: asked } = JSON.parse(text) as { request: { uid: string } };
      const answer = { apiVersion: 'admission.k8s.io/v1', kind: 'AdmissionReview' };
      const pass = (): void => {
        response.writeHead(200, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ ...answer, response: { uid: asked.uid, allowed: true } }));
      };
      if (isOpen) pass();
      else waiting.push(pass);
    });
  });
  await new Promise<void>((resolve) => hook.listen(0, '127.0.0.1', resolve));
  const { port } = hook.address() as AddressInfo; // of a TCP server
  return {
    url: `https://127.0.0.1:${port}/`,
    ca: authority.certificatePem,
    open: () => {
      isOpen = true;
      for (const pass of waiting.splice(0)) pass();
    },
    close: () => {
      hook.closeAllConnections();
      return new Promise<void>((resolve) => hook.close(() => resolve()));
    },
  };
}
