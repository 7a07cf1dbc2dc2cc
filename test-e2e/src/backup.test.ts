/**
 * `hub backup` of a running hub and `hub restore`, with a fleet behind it: what is restored is of one moment, no
 * resourceVersion comes twice, and the klusterlet goes on without anybody's help.
 */
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { hasReason, type KubeObject } from '@flotilla/api';
import { createClient, type KubeClient, TransportError, wellKnown } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, work } from './support/fleet.js';
import { binPath, eventually, ours, pause } from './support/processes.js';

const slots = 20;

interface Numbered extends KubeObject {
  readonly data?: { readonly number: string };
}

/** Counts up, each number into the next of twenty objects: which numbers are there tells the moment. */
class Counter {
  newestRevision = 0n;
  #running: Promise<void> | undefined;
  #stopped = false;
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let number = 0; !this.#stopped; number++) {
      const name = `count-${number % slots}`;
      const body = { ...configMap(name, { number: String(number) }), kind: 'ConfigMap', apiVersion: 'v1' };
      const options = { type: 'apply', body, force: true, fieldManager: 'test' } as const;
      try {
        const made = await this.#client.patch(wellKnown.configMaps, { namespace: 'default', name }, options);
        this.newestRevision = BigInt(made.metadata.resourceVersion ?? '0');
      } catch (error) {
        if (!(error instanceof TransportError)) throw error;
        return; // the hub has been killed
      }
    }
  }
}

function numbersOf(items: readonly Numbered[]): number[] {
  return items
    .filter(({ metadata: { name } }) => name?.startsWith('count-'))
    .map(({ data }) => Number(data?.number))
    .sort((a, b) => a - b);
}

describe('a hub that is backed up and restored', () => {
  const fleet = new Fleet();
  const file = join(fleet.directory, 'hub.backup');
  const dataDir = join(fleet.directory, 'hub');
  const restore = (...args: string[]) => ours('hub', ['restore', '--data-dir', dataDir, ...args]);
  let cluster: Cluster;
  let client: KubeClient;
  let counter: Counter;
  after(() => fleet.close());

  const connect = async (): Promise<KubeClient> => {
    const env = createNodeEnv({ logLevel: 'error' });
    const { transport } = await transportFromKubeconfig({ file: fleet.hubKubeconfig }, { env });
    return createClient(transport, { userAgent: 'backup-test' });
  };

  before(async function () {
    this.timeout(120_000);
    await fleet.startHub();
    cluster = await fleet.startCluster('cluster1');
    await fleet.join(cluster);
    await fleet.apply(work(cluster, 'greeting', [configMap('greeting', { text: 'before' })]));
    await fleet.workApplied(cluster, 'greeting');
    client = await connect();
    counter = new Counter(client);
    counter.start();
  });

  it('is saved while it runs, to a file for the owner only', async () => {
    await eventually('some writes', () => counter.newestRevision > 100n);
    const { stdout } = await fleet.hubCommand('backup', '--to', file);
    expect(stdout).to.match(/^saved \d+ objects and 7 key files of .* at revision \d+ \(\d+ KiB\) to /);
    expect(statSync(file).mode & 0o777).to.equal(0o600);
    expect(must(await ours('hub', ['restore', '--from', file, '--dry-run']))).to.contain('is whole: ');
    const again = await fleet.hubCommand('backup', '--to', file);
    expect([again.code, again.stderr]).to.deep.equal([
      1,
      `error: the file ${file} exists already; choose another name, or give --force to replace it\n`,
    ]);
    must(await fleet.hubCommand('backup', '--to', file, '--force'));
  });

  it('gives its keys to administrators only', async () => {
    const headers = { 'impersonate-user': 'jane', 'impersonate-group': 'system:authenticated' };
    const refused = await client.transport.request({ method: 'POST', path: '/flotilla.dev/backup', headers });
    expect(refused.status).to.equal(403);
    await refused.bytes();
    const running = await ours('hub', ['backup', '--to', join(fleet.directory, 'x'), '--data-dir', dataDir]);
    expect([running.code, running.stderr]).to.deep.equal([
      1,
      'error: the hub runs on this data directory; leave --data-dir out to save it while it runs\n',
    ]);
  });

  it('is not restored over data, under a running hub, or from a damaged file', async () => {
    const full = await restore('--from', file);
    expect(full.code).to.equal(1);
    expect(full.stderr).to.match(
      /^error: the data directory .* is not empty \(.*\); choose another, or give --force/,
    );
    const unasked = await restore('--from', file, '--force');
    expect([unasked.code, unasked.stderr]).to.deep.equal([
      2,
      'error: --force asks before it goes on; without a terminal, add --yes\n',
    ]);
    const running = await restore('--from', file, '--force', '--yes');
    expect(running.code).to.equal(1);
    expect(running.stderr).to.match(/^error: the data directory .* is in use by/);
    const whole = readFileSync(file);
    const cases: readonly [string, Buffer, string][] = [
      ['cut', whole.subarray(0, whole.length - 20), 'is cut off'],
      ['changed', flipped(whole, whole.length >> 1), 'has been changed: its checksum does not match'],
      ['foreign', Buffer.from('PK\x03\x04 something else'), 'is not a backup of this software'],
    ];
    for (const [name, bytes, why] of cases) {
      const path = join(fleet.directory, name);
      const fresh = join(fleet.directory, 'fresh');
      writeFileSync(path, bytes);
      const result = await ours('hub', ['restore', '--from', path, '--data-dir', fresh]);
      expect([result.code, result.stderr]).to.deep.equal([1, `error: the backup ${path} ${why}\n`]);
      expect(existsSync(fresh)).to.equal(false);
    }
  });

  it('comes back as it was at one moment, under new resourceVersions, and its klusterlets go on', async function () {
    this.timeout(120_000);
    // What is done after the backup is what a restore undoes.
    await fleet.apply(work(cluster, 'greeting', [configMap('greeting', { text: 'after' })]));
    await fleet.workApplied(cluster, 'greeting');
    await fleet.hub.stop('SIGKILL');
    await counter.stop();
    await client.transport.close();
    const { stdout } = await restore('--from', file, '--force', '--yes');
    expect(stdout).to.match(/^restored \d+ objects of /);
    expect((await readdir(dataDir)).filter((name) => name.startsWith('before-restore-'))).to.have.length(1);
    fleet.hub.start();
    await fleet.hubReady();
    client = await connect();

    const { items } = await client.list<Numbered>(wellKnown.configMaps, { namespace: 'default' });
    const numbers = numbersOf(items);
    const newest = numbers.at(-1) ?? 0;
    // Twenty numbers in a row: no write without the one before it.
    expect(numbers).to.deep.equal(Array.from({ length: slots }, (_, i) => newest - slots + 1 + i));
    for (const { metadata } of items) {
      expect(BigInt(metadata.resourceVersion ?? '0') > counter.newestRevision + 900_000_000n).to.equal(true);
    }
    const old = client.watch(wellKnown.configMaps, { resourceVersion: String(counter.newestRevision) });
    expect(await reasonOf(old)).to.equal('Expired');

    await fleet.available(cluster);
    await eventually('the klusterlet applies the restored work', async () => {
      const { data } = await fleet.get<{ data: { text: string } }>(cluster, 'configmap', 'greeting');
      return data.text === 'before';
    });
    await fleet.workApplied(cluster, 'greeting');
    await fleet.apply(work(cluster, 'second', [configMap('second', { text: 'new' })]));
    await fleet.workApplied(cluster, 'second');
    expect(cluster.klusterlet.isRunning).to.equal(true);
  });

  it('is saved when it is stopped, too', async () => {
    await client.transport.close();
    await fleet.hub.stop();
    const stopped = join(fleet.directory, 'stopped.backup');
    expect(must(await ours('hub', ['backup', '--to', stopped, '--data-dir', dataDir]))).to.contain(
      '7 key files',
    );
    const nowhere = await ours('hub', [
      'backup',
      '--to',
      stopped,
      '--data-dir',
      join(fleet.directory, 'none'),
    ]);
    expect(nowhere.stderr).to.match(/^error: the data directory .* holds no store\n$/);
  });

  it('does not start on a restore that was killed, until the restore is run again', async function () {
    this.timeout(60_000);
    for (const afterMs of [150, 220, 290, 360]) {
      const target = join(fleet.directory, `killed-${afterMs}`);
      const child = spawn(process.execPath, [
        binPath('hub'),
        'restore',
        '--from',
        file,
        '--data-dir',
        target,
      ]);
      const ended = new Promise((resolve) => child.once('exit', resolve));
      await pause(afterMs);
      child.kill('SIGKILL');
      await ended;
      const names = existsSync(target) ? await readdir(target) : [];
      if (names.includes('store')) expect(names).to.include('pki');
      if (names.includes('restore.partial')) await expectRefused(target);
      must(await ours('hub', ['restore', '--from', file, '--data-dir', target, '--force', '--yes']));
      const left = await readdir(target);
      expect(left).to.include.members(['pki', 'store']).and.not.include('restore.partial');
    }
    const target = join(fleet.directory, 'unfinished');
    await mkdir(join(target, 'restore.partial'), { recursive: true });
    await expectRefused(target);
    must(await ours('hub', ['restore', '--from', file, '--data-dir', target]));
  });
});

async function expectRefused(dataDir: string): Promise<void> {
  const { code, stderr } = await ours('hub', ['serve', '--data-dir', dataDir, '--listen', '127.0.0.1:1']);
  expect(code).to.equal(1);
  expect(stderr).to.match(/^error: the data directory .* holds a restore that did not come to its end \(/);
}

function flipped(bytes: Buffer, at: number): Buffer {
  const out = Buffer.from(bytes);
  out[at] = (out[at] ?? 0) ^ 0x10;
  return out;
}

async function reasonOf(events: AsyncIterable<unknown>): Promise<string> {
  try {
    for await (const event of events) return JSON.stringify(event);
  } catch (error) {
    if (hasReason(error, 'Expired')) return 'Expired';
    throw error;
  }
  return 'the watch ended';
}
