/** The `hub` command: the only file of this package that knows the process it runs in. */
import { basename } from 'node:path';
import { addCompletionCommand, createProgram, parseLogLevel, runProgram } from '@flotilla/kube/cli';
import { createNodeEnv } from '@flotilla/kube/node';
import type { Command } from 'commander';
import { addAuthorityCommands } from './cli/authority.js';
import { addHubBackupCommands } from './cli/backup.js';
import { addAskingCommands } from './cli/commands.js';
import { hubNames } from './cli/completion.js';
import { addHistoryCommands } from './cli/history.js';
import { addDoctorCommand } from './cli/hub-doctor-command.js';
import { addPlanCommand } from './cli/plan.js';
import { addServeCommand } from './cli/serve.js';
import { addWhyCommand } from './cli/why.js';

// Timers keep no process alive on their own, and a command that waits for a cluster has nothing else.
const keepAlive = setInterval(() => undefined, 60_000);
// kubectl finds its plugin by this name.
const name = basename(process.argv[1] ?? '').startsWith('kubectl-hub') ? 'kubectl hub' : 'hub';
process.exitCode = await runProgram(buildProgram, {
  argv: process.argv,
  stderr: (text) => void process.stderr.write(text),
  debug: process.env['FLOTILLA_DEBUG'] === '1',
  names: () => hubNames(createNodeEnv({ logLevel: 'silent' })),
});
clearInterval(keepAlive);

function buildProgram(): Command {
  const program = createProgram({
    name,
    description:
      'The hub of a fleet: serves it, and asks it. Commands other than serve talk to a running hub.',
    version: '0.1.0',
    examples: [
      'hub serve',
      'hub token create --cluster cluster1',
      'hub csr list',
      'hub approve cluster1',
      'hub clusters',
      'hub why web -n cluster1',
      'hub works history web -n cluster1',
      'hub works plan -f web.work.yaml',
      'hub backup --to hub.backup',
    ],
  }).enablePositionalOptions(); // hub works and the commands below it share names of options
  const context = {
    env: createNodeEnv({ logLevel: parseLogLevel(process.env['FLOTILLA_LOG_LEVEL']) }),
    print: (text: string) => void process.stdout.write(`${text}\n`),
    write: (text: string) => void process.stdout.write(text),
    note: (text: string) => void process.stderr.write(`${text}\n`),
    stopped: () =>
      new Promise<void>((resolve) => {
        for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
      }),
  };
  addServeCommand(program, context);
  addCompletionCommand(program, context.print);
  const works = addAskingCommands(program, context);
  addHistoryCommands(works, context);
  addPlanCommand(works, context);
  addWhyCommand(program, context);
  addAuthorityCommands(program, context);
  addDoctorCommand(program, context);
  addHubBackupCommands(program, context);
  return program;
}
