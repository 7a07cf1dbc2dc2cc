import { StatusError } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { UserInfo } from '../authentication/user.js';
import { parseRequestInfo } from '../server/request-info.js';
import { classify } from './classify.js';
import { type FairnessOptions, RequestQueues } from './request-queues.js';

const ann: UserInfo = { username: 'ann', groups: ['system:authenticated'] };
const bob: UserInfo = { username: 'bob', groups: ['system:authenticated'] };
const admin: UserInfo = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };
const nobody: UserInfo = { username: 'system:anonymous', groups: ['system:unauthenticated'] };
const pods = '/api/v1/namespaces/n/pods';
const lease = '/apis/coordination.k8s.io/v1/namespaces/n/leases/l';

const infoOf = (method: string, path: string) => parseRequestInfo(method, path, new URLSearchParams());

describe('classify', () => {
  const agent = (cluster: string): UserInfo => ({
    username: `system:open-cluster-management:${cluster}:agent`,
    groups: ['system:open-cluster-management:managed-clusters', `system:open-cluster-management:${cluster}`],
  });
  const robot: UserInfo = {
    username: 'system:serviceaccount:n:robot',
    groups: ['system:serviceaccounts', 'system:serviceaccounts:n', 'system:authenticated'],
  };
  const joining: UserInfo = { username: 'system:bootstrap:abc', groups: ['system:bootstrappers'] };
  const cases: [string, UserInfo, string, string, string][] = [
    ['the operator', admin, pods, 'exempt', ''],
    ['health, whoever asks', nobody, '/readyz', 'exempt', ''],
    ['one check of health', nobody, '/livez/ping', 'exempt', ''],
    ['nobody', nobody, pods, 'catch-all', '10.0.0.1'],
    ["nobody's lease", nobody, lease, 'catch-all', '10.0.0.1'],
    ["a user's lease", ann, lease, 'leader-election', 'ann'],
    ["an agent's lease", agent('c1'), lease, 'leader-election', 'system:open-cluster-management:c1'],
    ['an agent', agent('c1'), pods, 'node-high', 'system:open-cluster-management:c1'],
    ['a service account', robot, pods, 'workload-low', 'system:serviceaccount:n:robot'],
    ['who joins', joining, pods, 'global-default', 'system:bootstrap:abc 10.0.0.1'],
    ['a user', ann, pods, 'global-default', 'ann'],
    ['a path that only looks like health', ann, '/healthzz', 'global-default', 'ann'],
  ];
  for (const [who, user, path, level, flow] of cases) {
    it(`puts ${who} into ${level}`, () => {
      expect(classify(infoOf('GET', path), user, '10.0.0.1')).to.deep.equal({ level, flow });
    });
  }
});

function setUp(options: Partial<FairnessOptions> = {}) {
  const { clock } = createTestEnv();
  const queues = new RequestQueues(clock, options);
  const started: string[] = [];
  const finish = new Map<string, () => void>();
  const abort = new AbortController();
  /** A request that goes on until it is told to end. */
  const send = (name: string, user: UserInfo, { path = pods, method = 'GET', sizeBytes = 0 } = {}) => {
    const arrival = { info: infoOf(method, path), user, address: '', sizeBytes, signal: abort.signal };
    return queues
      .run(arrival, () => {
        started.push(name);
        return new Promise<string>((resolve) => finish.set(name, () => resolve('done')));
      })
      .catch((error: unknown) => error);
  };
  const end = async (name: string): Promise<void> => {
    finish.get(name)?.();
    await clock.advance(1);
  };
  return { clock, queues, started, send, end, abort };
}

/** A seat for each share: the level of users has 20, one user 10 of them. */
const seats = 215;

describe('RequestQueues', () => {
  it("lets one user's slow requests take half of a level, and others the rest", () => {
    const { started, send } = setUp({ seats });
    for (let i = 0; i < 100; i++) void send(`ann-${i}`, ann);
    for (let i = 0; i < 10; i++) void send(`bob-${i}`, bob);
    expect(started.filter((name) => name.startsWith('ann'))).to.have.length(10);
    void send('admin', admin);
    void send('lease', ann, { path: lease, method: 'PUT' });
    void send('health', nobody, { path: '/readyz' });
    expect(started.slice(-3)).to.deep.equal(['admin', 'lease', 'health']);
  });

  it('gives the flows their turns, not the requests', async () => {
    const { started, send, end } = setUp({ seats });
    for (let i = 0; i < 100; i++) void send(`ann-${i}`, ann);
    for (let i = 0; i < 12; i++) void send(`bob-${i}`, bob);
    for (let i = 0; i < 4; i++) void send(`eve-${i}`, { ...ann, username: 'eve' });
    started.length = 0;
    for (let i = 0; i < 10; i++) await end(`ann-${i}`);
    const firstSix = started.slice(0, 6).map((name) => name.slice(0, 3));
    expect(firstSix.filter((name) => name === 'eve').length).to.be.at.least(2);
    expect(started.filter((name) => name.startsWith('eve'))).to.have.length(4);
  });

  it('answers 429 with a time to wait when the queue of a flow is full, and leaves others alone', async () => {
    const { started, send, end, queues } = setUp({ seats, maxQueuedPerFlow: 5 });
    const answers = Array.from({ length: 20 }, (_, i) => send(`ann-${i}`, ann));
    const failure = (await answers[15]) as StatusError;
    expect(failure).to.be.instanceOf(StatusError);
    expect(failure.status).to.deep.include({ code: 429, reason: 'TooManyRequests' });
    expect(failure.status.details?.retryAfterSeconds).to.equal(1);
    void send('bob', bob);
    for (let i = 0; i < 15; i++) await end(`ann-${i}`);
    expect(started).to.have.length(16).and.to.include('bob');
    expect(await Promise.all(answers.slice(0, 15))).to.deep.equal(Array(15).fill('done'));
    const metrics = queues.renderMetrics();
    expect(metrics).to.include(
      'apiserver_flowcontrol_rejected_requests_total{priority_level="global-default",reason="queue-full"} 5',
    );
    expect(metrics).to.include(
      'apiserver_flowcontrol_dispatched_requests_total{priority_level="global-default"} 16',
    );
  });

  it('lets no request wait longer than its time', async () => {
    const { clock, send, end, started } = setUp({ seats, queueTimeoutMs: 3000 });
    const answers = Array.from({ length: 12 }, (_, i) => send(`ann-${i}`, ann));
    await clock.advance(5000);
    expect(await answers[10]).to.have.nested.property('status.code', 429);
    expect(await answers[11]).to.have.nested.property('status.code', 429);
    await end('ann-0');
    expect(started).to.have.length(10);
  });

  it('bounds what waits in memory', async () => {
    const { send } = setUp({ seats, maxQueuedBytes: 1000 });
    for (let i = 0; i < 10; i++) void send(`ann-${i}`, ann, { sizeBytes: 900, method: 'POST' });
    void send('waits', ann, { sizeBytes: 900, method: 'POST' });
    expect(await send('too much', ann, { sizeBytes: 900, method: 'POST' })).to.have.nested.property(
      'status.code',
      429,
    );
  });

  it('does not begin what nobody waits for any more', async () => {
    const { send, started, end, abort } = setUp({ seats });
    for (let i = 0; i < 11; i++) void send(`ann-${i}`, ann);
    abort.abort();
    await end('ann-0');
    expect(started).to.have.length(10);
  });

  it('looks at other connections when the requests of one turn have had their time', async () => {
    let nowMs = 0;
    const turns: (() => void)[] = [];
    const setTimer = (_: number, fn: () => void) => {
      turns.push(fn);
      return { cancel: () => undefined };
    };
    const queues = new RequestQueues({ monotonicMs: () => nowMs, setTimer }, { turnMs: 10 });
    const started: string[] = [];
    const send = (name: string, user: UserInfo, path: string): void => {
      const arrival = {
        info: infoOf('GET', path),
        user,
        address: '',
        sizeBytes: 0,
        signal: new AbortController().signal,
      };
      void queues.run(arrival, async () => {
        started.push(name);
        nowMs += 4;
      });
    };
    for (let i = 0; i < 10; i++) send(`list-${i}`, ann, pods);
    send('lease', ann, lease);
    send('admin', admin, pods);
    expect(started).to.deep.equal(['list-0', 'list-1', 'list-2', 'lease', 'admin']);
    send('other', bob, pods);
    turns.shift()?.();
    expect(started.slice(5)).to.deep.equal(['list-3', 'other', 'list-4']);
    for (let turn = turns.shift(); turn !== undefined && started.length < 13; turn = turns.shift()) {
      await Promise.resolve();
      turn();
    }
    expect(started).to.have.length(13);
  });

  it('starts everything in the end, once, whatever comes in whatever order', async () => {
    const { clock } = createTestEnv();
    const queues = new RequestQueues(clock, { seats: 30, maxQueuedPerFlow: 1000 });
    const users = [
      ann,
      bob,
      admin,
      nobody,
      { username: 'system:serviceaccount:n:a', groups: ['system:serviceaccounts'] },
    ];
    const answers = Array.from({ length: 1000 }, (_, i) => {
      const user = users[(i * 7) % users.length] ?? ann;
      const info = infoOf(i % 3 === 0 ? 'PUT' : 'GET', i % 11 === 0 ? lease : pods);
      const arrival = { info, user, address: '', sizeBytes: i, signal: new AbortController().signal };
      return queues.run(
        arrival,
        () => new Promise<number>((resolve) => void clock.setTimer(i % 5, () => resolve(i))),
      );
    });
    await clock.advance(10_000);
    expect(await Promise.all(answers)).to.deep.equal(Array.from({ length: 1000 }, (_, i) => i));
    expect(queues.counts).to.deep.equal({ reads: 0, writes: 0 });
  });
});
