/** The `klusterlet` command: the only file of this package that knows the process it runs in. */
import { createStopController } from '@flotilla/kube';
import { addCompletionCommand, createProgram, parseLogLevel, runProgram } from '@flotilla/kube/cli';
import { createNodeEnv } from '@flotilla/kube/node';
import type { Command } from 'commander';
import { addCommands } from './cli/commands.js';

// Timers of the agent keep no process alive on their own, and while the hub is away there may be nothing else.
const keepAlive = setInterval(() => undefined, 60_000);
process.exitCode = await runProgram(buildProgram, {
  argv: process.argv,
  stderr: (text) => void process.stderr.write(text),
  debug: process.env['FLOTILLA_DEBUG'] === '1',
});
clearInterval(keepAlive);

function buildProgram(): Command {
  const env = createNodeEnv({ logLevel: parseLogLevel(process.env['FLOTILLA_LOG_LEVEL']) });
  const program = createProgram({
    name: 'klusterlet',
    description: 'The agent of a managed cluster: joins a hub, pulls its works, applies them, reports back.',
    version: '0.1.0',
    examples: ["klusterlet join 'JOIN STRING' --name cluster1", 'klusterlet status', 'klusterlet leave'],
  });
  addCompletionCommand(program, (text) => void process.stdout.write(`${text}\n`));
  addCommands(program, {
    env,
    print: (text) => void process.stdout.write(`${text}\n`),
    note: (text) => void process.stderr.write(`${text}\n`),
    stopSignal,
  });
  return program;
}

function stopSignal(): AbortSignal {
  const stop = createStopController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.once(signal, () => stop.abort(new Error(`stopped by ${signal}`)));
  }
  return stop.signal;
}
