/**
 * `backup` and `restore`, the same for the hub and for a server of its own. What they do is loaded when it is asked for.
 */
import { resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { type Env, parseFailure, type Transport } from '@flotilla/kube';
import { addCommand, UsageError } from '@flotilla/kube/cli';
import type { Command } from 'commander';
import type { BackupSummary } from '../node/backup-file.js';
import type { RestoreResult } from '../node/restore-data-directory.js';

export interface BackupCommandsContext {
  /** `hub`: how the command is called. */
  readonly name: string;
  /** What it runs, as users call it. */
  readonly server: string;
  readonly env: Env;
  readonly print: (text: string) => void;
  readonly defaultDataDir: string;
  /** A connection to the running server; `kubeconfig` is what the user gave, if anything. */
  readonly connect: (kubeconfig: string | undefined) => Promise<Transport>;
}

interface BackupOptions {
  readonly to: string;
  readonly kubeconfig?: string;
  readonly dataDir?: string;
  readonly force?: true;
}

interface RestoreOptions {
  readonly from: string;
  readonly dataDir: string;
  readonly force?: true;
  readonly yes?: true;
  readonly dryRun?: true;
}

export function addBackupCommands(program: Command, context: BackupCommandsContext): void {
  const { name, server, defaultDataDir } = context;
  addCommand(program, 'backup', {
    description: `save everything that the ${server} keeps to one file, while it runs: all objects as they are at one moment, and its keys. The file can open every Secret and impersonate the ${server}: it is made with mode 0600, keep it as such`,
    examples: [
      `${name} backup --to ${name}.backup`,
      `${name} backup --to ${name}.backup --kubeconfig ./${name}.kubeconfig`,
      `${name} backup --to ${name}.backup --data-dir ./${name}`,
    ],
  })
    .requiredOption('--to <file>', 'where it is saved; read back and checked before it gets this name')
    .option('--kubeconfig <file>', `an administrator's kubeconfig of the running ${server}`)
    .option('--data-dir <dir>', `save this directory, whose ${server} does not run`)
    .option('--force', 'replace the file if there is one')
    .action((options: BackupOptions) => backup(context, options));
  addCommand(program, 'restore', {
    description: `make a data directory out of a backup; the ${server} must not run. All resourceVersions are moved ahead, so that clients list anew and none sees one again; what was written after the backup is gone, and a cluster that joined after it joins anew`,
    examples: [
      `${name} restore --from ${name}.backup --data-dir ./${name}`,
      `${name} restore --from ${name}.backup --dry-run`,
    ],
  })
    .requiredOption('--from <file>', 'the backup')
    .option('--data-dir <dir>', 'an empty directory, or one that is made', defaultDataDir)
    .option('--force', 'also take a directory that is not empty: move its store and keys aside, after asking')
    .option('--yes', 'do not ask')
    .option('--dry-run', 'only check the backup and say what it holds')
    .action((options: RestoreOptions) => restore(context, options));
}

async function backup(context: BackupCommandsContext, options: BackupOptions): Promise<void> {
  if (options.dataDir !== undefined && options.kubeconfig !== undefined) {
    throw new UsageError('give --kubeconfig for a running server or --data-dir for a stopped one, not both');
  }
  const { saveBackup } = await import('../node/backup-file.js');
  const save = (chunks: AsyncIterable<Uint8Array>): Promise<BackupSummary> =>
    saveBackup(chunks, options.to, { force: options.force === true });
  const { dataDir } = options;
  const summary =
    dataDir === undefined ? await online(context, options, save) : await offline(context, dataDir, save);
  context.print(`saved ${describe(summary)} to ${options.to}`);
}

type Save = (chunks: AsyncIterable<Uint8Array>) => Promise<BackupSummary>;

async function online(
  { server, connect }: BackupCommandsContext,
  { kubeconfig }: BackupOptions,
  save: Save,
): Promise<BackupSummary> {
  const { backupPath } = await import('../node/backup-endpoint.js');
  const transport = await connect(kubeconfig);
  try {
    const response = await transport.request({ method: 'POST', path: backupPath });
    if (response.status === 200) return await save(response.chunks());
    if (response.status === 404) {
      throw new Error(
        `the server in the kubeconfig gives no backups: it is no ${server} with a store of its own`,
      );
    }
    const { status, headers } = response;
    throw parseFailure({ status, headers, body: await response.bytes() });
  } finally {
    await transport.close();
  }
}

async function offline(
  { env, server }: BackupCommandsContext,
  dataDir: string,
  save: Save,
): Promise<BackupSummary> {
  const { withStoppedStore } = await import('../node/stopped-store.js');
  return withStoppedStore({ env, dataDir, server }, save);
}

async function restore(context: BackupCommandsContext, options: RestoreOptions): Promise<void> {
  const { print, env } = context;
  if (options.dryRun === true) {
    const { verifyBackup } = await import('../node/backup-file.js');
    print(`${options.from} is whole: ${describe(await verifyBackup(options.from))}`);
    return;
  }
  const { contentOf, restoreDataDirectory } = await import('../node/restore-data-directory.js');
  const dataDir = resolve(options.dataDir);
  if (options.force === true && options.yes !== true && (await contentOf(dataDir)).length > 0) {
    await confirm(`Move the store and the keys in ${dataDir} aside and restore ${options.from}?`);
  }
  const replace = options.force === true;
  print(tellRestore(await restoreDataDirectory({ env, from: options.from, dataDir, replace }), dataDir));
}

/** @throws UsageError when nobody can be asked, Error when the answer is not yes. */
async function confirm(question: string): Promise<void> {
  if (!process.stdin.isTTY)
    throw new UsageError('--force asks before it goes on; without a terminal, add --yes');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `);
    if (!/^y(es)?$/i.test(answer.trim())) throw new Error('not restored: the answer was not yes');
  } finally {
    terminal.close();
  }
}

function describe({ objects, files, revision, createdAtMs, bytes }: BackupSummary): string {
  const when = new Date(createdAtMs).toISOString();
  return `${objects} objects and ${files} key files of ${when}, at revision ${revision} (${formatBytes(bytes)})`;
}

function tellRestore(
  { objects, createdAtMs, revision, floor, movedTo }: RestoreResult,
  dataDir: string,
): string {
  const lines = [
    `restored ${objects} objects of ${new Date(createdAtMs).toISOString()} into ${dataDir}`,
    `resourceVersions go on after ${floor} (the backup was made at ${revision})`,
    ...(movedTo === undefined ? [] : [`what was there is in ${movedTo}`]),
  ];
  return lines.join('\n');
}

function formatBytes(bytes: number): string {
  return bytes < 1 << 20 ? `${Math.ceil(bytes / 1024)} KiB` : `${Math.ceil(bytes / (1 << 20))} MiB`;
}
