/** Runs the recorded commands with one kubectl against a fresh server and gives what it asked. */
import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';
import type { Kubectl } from '../support/kubectl-versions.js';
import { run } from '../support/processes.js';
import { TestServer } from '../support/server.js';
import { prepareRecorded, type RecordedCommand, recordedCommands, recordedNamespace } from './commands.js';
import { type Fixture, type RecordedSequence, sequenceOf } from './normalize.js';
import { RecordingProxy, type SeenRequest } from './recording-proxy.js';

/** An older kubectl is recorded against this one: its own minor would serve it other versions of some kinds. */
const oldestServer = 27;

/** @throws Error when a command fails that should not. */
export async function record(kubectl: Kubectl): Promise<Fixture> {
  const server = new TestServer();
  await server.start({ kubernetesVersion: `1.${Math.max(kubectl.minor, oldestServer)}` });
  try {
    await prepareRecorded(server);
    const proxy = await RecordingProxy.start(server);
    try {
      const sequences: RecordedSequence[] = [];
      const agents = new Set<string>();
      for (const [index, command] of recordedCommands.entries()) {
        if (command.since !== undefined && kubectl.minor < command.since) continue;
        const seen = await seenOf({ command, kubectl, server, proxy });
        for (const { headers } of seen) agents.add(classOf(headers['user-agent'] ?? ''));
        const step = `${index + 1}. ${command.args.join(' ')}`;
        sequences.push({ command: step, requests: sequenceOf(seen) });
      }
      const own = `kubectl/v1.${kubectl.minor}`;
      if (agents.size !== 1 || !agents.has(own)) throw new Error(`no ${own}, but ${[...agents].join(', ')}`);
      return { kubectl: `1.${kubectl.minor}`, sequences };
    } finally {
      await proxy.close();
    }
  } finally {
    await server.stop();
  }
}

interface Recording {
  readonly command: RecordedCommand;
  readonly kubectl: Kubectl;
  readonly server: TestServer;
  readonly proxy: RecordingProxy;
}

async function seenOf({ command, kubectl, server, proxy }: Recording): Promise<SeenRequest[]> {
  const { args, input, edit, watches = false, code = 0 } = command;
  const all = [
    ...['--kubeconfig', proxy.kubeconfig(), '--cache-dir', join(server.directory, 'recorded-cache')],
    ...['--namespace', recordedNamespace, ...args],
  ];
  const editor =
    edit &&
    server.script(
      `fs.writeFileSync(args[0], fs.readFileSync(args[0], 'utf8').replace(${JSON.stringify(edit.before)}, ${JSON.stringify(edit.after)}));`,
    );
  if (watches) {
    const watched = proxy.watched();
    const child = spawn(kubectl.path, all, { stdio: 'ignore' });
    await Promise.race([watched, ended(child)]);
    child.kill();
    await ended(child);
    return proxy.take();
  }
  const result = await run(kubectl.path, all, {
    ...(input !== undefined && { input: JSON.stringify(input) }),
    ...(editor !== undefined && { env: { EDITOR: editor } }),
  });
  if (result.code !== code) {
    throw new Error(
      `kubectl 1.${kubectl.minor} ${args.join(' ')}: ${result.code} ${result.stderr}${result.stdout}`,
    );
  }
  return proxy.take();
}

function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => child.once('exit', () => resolve()));
}

/** `kubectl/v1.30` of `kubectl.1.30/v1.30.14 (linux/amd64) kubernetes/9e18483`: the program's file name comes first. */
function classOf(userAgent: string): string {
  return userAgent.replace(/^kubectl[^/]*(\/v\d+\.\d+)\S* \([^)]*\) kubernetes\/\S+$/, 'kubectl$1');
}
