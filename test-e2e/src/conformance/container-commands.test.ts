/** Commands of simulated containers, as kubectls of several versions see them end. */
import { spawn } from 'node:child_process';
import { expect } from 'chai';
import { type Kubectl, otherKubectls } from '../support/kubectl-versions.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const minors = [27, 30, 33];
const kubectls: readonly Kubectl[] = [
  { minor: 0, path: 'kubectl' },
  ...otherKubectls().filter(({ minor }) => minors.includes(minor)),
];

interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

describe('commands of containers', () => {
  const server = new TestServer();
  let namespace = '';
  before(async () => {
    await server.start();
    namespace = await server.namespace('commands');
  });
  after(() => server.stop());

  /** kubectl with the text on its input. */
  function kubectl(path: string, input: string, ...args: string[]): Promise<Ended> {
    return new Promise((resolve, reject) => {
      const child = spawn(path, ['--kubeconfig', server.kubeconfig, '-n', namespace, ...args], {
        timeout: 60_000,
      });
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk) => {
        out += String(chunk);
      });
      child.stderr.on('data', (chunk) => {
        err += String(chunk);
      });
      child.once('error', reject);
      child.once('close', (code) => resolve({ code, out, err }));
      child.stdin.on('error', () => undefined); // it may end without reading
      child.stdin.end(input);
    });
  }

  for (const { minor, path } of kubectls) {
    describe(`with kubectl ${minor === 0 ? 'of the path' : `1.${minor}`}`, () => {
      const run = (...args: string[]) => kubectl(path, '', ...args);
      const runOnce = (name: string, input: string, ...command: string[]) =>
        kubectl(
          path,
          input,
          ...[
            'run',
            `${name}-${minor}`,
            '-i',
            '--rm',
            '--restart=Never',
            '--image=busybox',
            '--',
            ...command,
          ],
        );

      it('`run -i --rm` prints what the command says and ends as it does', async () => {
        const failed = await runOnce('fails', '', 'sh', '-c', 'echo hi; exit 3');
        expect(failed.out, failed.err).to.contain('hi\n');
        expect(failed.code, failed.err).to.equal(3);
        const well = await runOnce('works', '', 'sh', '-c', 'sleep 1; echo well');
        expect(well.out).to.contain('well\n');
        expect(well.code, well.err).to.equal(0);
        expect((await run('get', 'pod', `fails-${minor}`)).err).to.contain('not found');
      });

      it('`run -i --rm` passes its input to the command', async () => {
        const counted = await runOnce('counts', 'one\ntwo\n', 'wc', '-l');
        expect(counted.out, counted.err).to.contain('2\n');
        expect(counted.code, counted.err).to.equal(0);
      });

      it('a Job completes, and `wait` and `logs` know', async () => {
        const name = `good-${minor}`;
        await run('create', 'job', name, '--image=busybox', '--', 'sh', '-c', 'echo done; sleep 1');
        const waited = await run('wait', '--for=condition=complete', `job/${name}`, '--timeout=30s');
        expect(waited.out, waited.err).to.contain('condition met');
        expect((await run('logs', `job/${name}`)).out).to.equal('done\n');
      });

      it('a Job whose command fails exceeds its limit', async () => {
        const name = `bad-${minor}`;
        await server.create(`/apis/batch/v1/namespaces/${namespace}/jobs`, {
          metadata: { name },
          spec: {
            backoffLimit: 1,
            template: {
              spec: {
                restartPolicy: 'Never',
                containers: [{ name: 'c', image: 'busybox', command: ['sh', '-c', 'echo no; exit 1'] }],
              },
            },
          },
        });
        const waited = await run('wait', '--for=condition=failed', `job/${name}`, '--timeout=40s');
        expect(waited.out, waited.err).to.contain('condition met');
        const reason = '{.status.conditions[?(@.type=="Failed")].reason} {.status.failed}';
        expect((await run('get', 'job', name, '-o', `jsonpath=${reason}`)).out).to.equal(
          'BackoffLimitExceeded 2',
        );
      });
    });
  }

  it('a Deployment of a command that ends shows a crash loop', async () => {
    await kubectl('kubectl', '', 'create', 'deployment', 'short', '--image=busybox', '--', 'false');
    const shown = await eventually('it waits for its next start', async () => {
      const { out } = await kubectl('kubectl', '', 'get', 'pods', '-l', 'app=short', '--no-headers');
      return out.includes('CrashLoopBackOff') ? out : undefined;
    });
    expect(shown).to.match(/0\/1 +CrashLoopBackOff +1 \(\d+s ago\)/);
  });
});
