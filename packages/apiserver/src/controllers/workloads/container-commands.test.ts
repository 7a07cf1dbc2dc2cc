import type { JsonObject, KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { at, numberAt, objectAt, objectsAt, textAt } from '../../builtin/access.js';
import { createMemoryStore } from '../../storage/memory-store.js';
import { ref, startTestCluster, type TestCluster } from '../testing/test-cluster.js';

const jobs = ref('batch', 'v1', 'jobs');

describe('commands of simulated containers', () => {
  let cluster: TestCluster;
  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'cluster' });
  });
  afterEach(() => cluster.close());

  const sh = (script: string): JsonObject => ({ command: ['sh', '-c', script] });

  async function run(
    container: JsonObject,
    {
      restartPolicy = 'Never',
      annotations = {},
    }: { restartPolicy?: string; annotations?: Record<string, string> } = {},
  ): Promise<void> {
    await cluster.make(wellKnown.pods, {
      metadata: { namespace: 'default', name: 'p', annotations },
      spec: { restartPolicy, containers: [{ name: 'c', image: 'busybox', ...container }] },
    });
    await cluster.pass(300);
  }

  const pod = async (): Promise<KubeObject | undefined> => cluster.find(wellKnown.pods, 'p', 'default');

  /** Phase, state of the container, count of its restarts. */
  async function state(): Promise<string> {
    const found = await pod();
    const [status] = objectsAt(found, 'status', 'containerStatuses');
    const state = objectAt(status, 'state');
    const exit = at(state, 'terminated', 'exitCode');
    const [kind = ''] = Object.keys(state);
    const word = textAt(state, kind, 'reason') || kind;
    const code = exit === undefined ? '' : ` ${exit}`;
    return `${textAt(found, 'status', 'phase')}: ${word}${code} (${numberAt(status, 'restartCount')})`;
  }

  const ends: readonly (readonly [string, JsonObject, string])[] = [
    ['exit 3', sh('echo hi; exit 3'), 'Failed: Error 3 (0)'],
    ['exit 0', sh('echo hi; exit 0'), 'Succeeded: Completed 0 (0)'],
    ['true', { command: ['true'] }, 'Succeeded: Completed 0 (0)'],
    ['/bin/false', { command: ['/bin/false'] }, 'Failed: Error 1 (0)'],
    ['arguments alone', { args: ['sh', '-c', 'exit 4'] }, 'Failed: Error 4 (0)'],
    [
      'command and arguments',
      { command: ['sh', '-c'], args: ['exit $(N)'], env: [{ name: 'N', value: '9' }] },
      'Failed: Error 9 (0)',
    ],
    ['a program that is not simulated', { command: ['/app/server'] }, 'Running: running (0)'],
    ['a script with such a program', sh('echo hi; exec nginx; exit 1'), 'Running: running (0)'],
    ['a script that the shell cannot read', sh('case x in'), 'Running: running (0)'],
    ['no command', {}, 'Running: running (0)'],
    ['arguments of the image itself', { args: ['--port=1'] }, 'Running: running (0)'],
    ['a loop that never ends', sh('while true; do sleep 1; done'), 'Running: running (0)'],
    ['a loop that never waits', sh('while true; do :; done'), 'Running: running (0)'],
  ];
  for (const [what, container, shown] of ends) {
    it(`ends or runs on: ${what}`, async () => {
      await run(container);
      expect(await state()).to.equal(shown);
    });
  }

  it('begin when the pod starts, and end in their own time', async () => {
    await run(sh('sleep 5; exit 2'));
    expect(await state()).to.equal('Running: running (0)');
    await cluster.pass(4000);
    expect(await state()).to.equal('Running: running (0)');
    await cluster.pass(1000);
    expect(await state()).to.equal('Failed: Error 2 (0)');
    const [status] = objectsAt(await pod(), 'status', 'containerStatuses');
    const { startedAt, finishedAt } = objectAt(status, 'state', 'terminated');
    expect(Date.parse(String(finishedAt)) - Date.parse(String(startedAt))).to.equal(5000);
    const conditions = objectsAt(await pod(), 'status', 'conditions');
    const ready = conditions.find(({ type }) => type === 'Ready');
    expect(ready).to.deep.include({ status: 'False', reason: 'PodFailed' });
  });

  it('are started again by the restart policy, at once first, then with a back-off', async () => {
    await run(sh('exit 1'), { restartPolicy: 'Always' });
    await cluster.pass(1000);
    expect(await state()).to.equal('Running: CrashLoopBackOff (1)');
    await cluster.pass(11_000);
    expect(await state()).to.equal('Running: CrashLoopBackOff (2)');
    const [status] = objectsAt(await pod(), 'status', 'containerStatuses');
    expect(objectAt(status, 'lastState', 'terminated')).to.deep.include({ exitCode: 1, reason: 'Error' });
    const events = await cluster.client.list<KubeObject>(ref('', 'v1', 'events'), { namespace: 'default' });
    expect(events.items.map(({ reason }) => reason)).to.include('BackOff');
  });

  it('are started again after failures only, when the policy says so', async () => {
    await run(sh('exit 0'), { restartPolicy: 'OnFailure' });
    expect(await state()).to.equal('Succeeded: Completed 0 (0)');
  });

  it('do not end what annotations tell to stay, or to end otherwise', async () => {
    const simulate = 'simulate.flotilla.dev';
    await run(sh('exit 3'), {
      annotations: { [`${simulate}/exit-code`]: '0', [`${simulate}/exit-after-seconds`]: '2' },
    });
    expect(await state()).to.equal('Running: running (0)');
    await cluster.pass(2500);
    expect(await state()).to.equal('Succeeded: Completed 0 (0)');
    await cluster.client.delete(
      wellKnown.pods,
      { namespace: 'default', name: 'p' },
      { gracePeriodSeconds: 0 },
    );
    await cluster.pass(300);
    await run(sh('exit 3'), { annotations: { [`${simulate}/never-ready`]: 'true' } });
    await cluster.pass(5000);
    expect(await state()).to.equal('Running: running (0)');
  });

  it('go on where they were when the server starts again', async () => {
    await cluster.close();
    const store = createMemoryStore();
    const env = createTestEnv();
    cluster = await startTestCluster({ profile: 'cluster', store, env });
    await run(sh('sleep 3600; exit 6'));
    await cluster.pass(1_800_000);
    await cluster.close();
    cluster = await startTestCluster({ profile: 'cluster', store, env });
    await cluster.pass(1_790_000);
    expect(await state()).to.equal('Running: running (0)');
    await cluster.pass(10_000);
    expect(await state()).to.equal('Failed: Error 6 (0)');
  });

  it('take nothing of the clock once they are gone, and little while they wait', async () => {
    const before = cluster.env.clock.pending;
    await run(sh('sleep 3600'));
    expect(cluster.env.clock.pending).to.be.at.most(before + 2);
    await cluster.client.delete(
      wellKnown.pods,
      { namespace: 'default', name: 'p' },
      { gracePeriodSeconds: 0 },
    );
    await cluster.pass(300);
    expect(cluster.env.clock.pending).to.be.at.most(before);
  });

  describe('in Jobs', () => {
    async function job(container: JsonObject, spec: JsonObject = {}): Promise<void> {
      await cluster.make(jobs, {
        metadata: { namespace: 'default', name: 'j' },
        spec: {
          template: {
            spec: { restartPolicy: 'Never', containers: [{ name: 'c', image: 'busybox', ...container }] },
          },
          ...spec,
        },
      });
      await cluster.pass(500);
    }

    /** Types of the conditions that hold, with the last reason. */
    async function outcome(): Promise<string> {
      const found = objectsAt(await cluster.find(jobs, 'j', 'default'), 'status', 'conditions');
      return found.map(({ type, reason }) => `${type}/${reason}`).join(' ');
    }

    it('complete them', async () => {
      await job(sh('echo done'));
      expect(await outcome()).to.match(/Complete\/CompletionsReached$/);
    });

    it('keep them active as long as they run', async () => {
      await job({ command: ['sleep', '60'] });
      await cluster.pass(58_000);
      expect(await outcome()).to.equal('');
      await cluster.pass(3000);
      expect(await outcome()).to.match(/Complete\/CompletionsReached$/);
    });

    it('fail them past the limit, each try later', async () => {
      await job(sh('exit 1'), { backoffLimit: 1 });
      expect(await outcome()).to.equal('');
      await cluster.pass(12_000);
      expect(await outcome()).to.match(/Failed\/BackoffLimitExceeded$/);
      expect(numberAt(await cluster.find(jobs, 'j', 'default'), 'status', 'failed')).to.equal(2);
    });

    it('fail them by restarts inside a pod', async () => {
      const template = {
        spec: { restartPolicy: 'OnFailure', containers: [{ name: 'c', image: 'x', ...sh('exit 1') }] },
      };
      await job({}, { backoffLimit: 2, template });
      await cluster.pass(60_000);
      expect(await outcome()).to.match(/Failed\/BackoffLimitExceeded$/);
    });

    it('leave the rest as it was: what is not simulated ends well', async () => {
      await job(sh('perl -e 1'));
      expect(await outcome()).to.match(/Complete\/CompletionsReached$/);
    });
  });
});
