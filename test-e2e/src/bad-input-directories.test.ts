import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statfsSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { configMap, Fleet, must } from './support/fleet.js';
import { freePort } from './support/network.js';
import { type CommandName, Daemon, eventually, ours, type Result } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

describe('a data directory that cannot be used', () => {
  const fleet = new Fleet();
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-bad-'));
  let joins = '';
  before(async () => {
    await fleet.startHub();
    await fleet.startCluster('c');
    joins = await joinString(fleet);
  });
  after(async () => {
    await fleet.close();
    rmSync(directory, { recursive: true, force: true });
  });

  const cluster = () => fleet.clusters[0] ?? expect.fail('no cluster');

  /** Each of our commands with that directory. All of them end by themselves. */
  async function start(command: CommandName, dataDir: string): Promise<Result> {
    const listen = ['--listen', `127.0.0.1:${await freePort()}`];
    const args = {
      hub: ['serve', ...listen],
      apiserver: listen,
      klusterlet: ['join', joins, '--name', 'bad', '--kubeconfig', cluster().kubeconfig],
    };
    return ours(command, [...args[command], '--data-dir', dataDir], { timeoutMs: 10_000 });
  }

  const commands: readonly CommandName[] = ['hub', 'apiserver', 'klusterlet'];

  it('is in use by another hub, which goes on undisturbed', async () => {
    const before = fleet.hub.pid;
    expectRefusal(
      await start('hub', join(fleet.directory, 'hub')),
      1,
      /hub\S* is in use by another process \(pid \d+\)/,
    );
    expect(fleet.hub.pid).to.equal(before);
    expect(must(await fleet.kubectl('get', '--raw', '/readyz'))).to.equal('ok');
  });

  it('is in use by a running klusterlet', async () => {
    const joiner = new Joiner(fleet, cluster());
    joiner.start(await joinString(fleet), 'user');
    await eventually('it waits', () => joiner.output.includes('waiting for the hub'));
    for (const verb of ['run', 'leave']) {
      expectRefusal(await joiner.command(verb), 1, /is in use by another process \(pid \d+\)/);
    }
    expect(joiner.isRunning).to.equal(true);
    await joiner.stop();
  });

  for (const command of commands) {
    it(`is a file (${command})`, async () => {
      const path = join(directory, `file-${command}`);
      writeFileSync(path, 'mine');
      expectRefusal(await start(command, path), 1, new RegExp(`data directory ${path}`));
      expect(readFileSync(path, 'utf8')).to.equal('mine');
    });
  }

  it('was written by a newer hub, and stays as it was', async () => {
    const dataDir = join(directory, 'newer-hub');
    const hub = new Daemon('hub', 'hub', [
      'serve',
      '--data-dir',
      dataDir,
      '--listen',
      `127.0.0.1:${await freePort()}`,
    ]);
    hub.start();
    await eventually('the hub is ready', () => hub.output.includes('hub ready'));
    await hub.stop();
    const store = open({
      path: join(dataDir, 'store', 'store.mdb'),
      noSubdir: true,
      maxDbs: 4,
      keyEncoding: 'binary',
    });
    const meta = store.openDB<Buffer, Buffer>({ name: 'meta', encoding: 'binary', keyEncoding: 'binary' });
    await meta.put(Buffer.from('format'), Buffer.from('0000000000000063', 'hex'));
    await store.close();
    const result = await start('hub', dataDir);
    expectRefusal(
      result,
      1,
      /newer-hub\S* was written by a newer version \(format 99, this version reads \d+\)/,
    );
  });

  it('was written by a newer klusterlet, and stays as it was', async () => {
    const dataDir = join(directory, 'newer-klusterlet');
    mkdirSync(dataDir);
    const config = JSON.stringify({ formatVersion: 2, clusterName: 'x' });
    writeFileSync(join(dataDir, 'config.json'), config);
    const newer = /newer-klusterlet was written by a newer version \(format 2, this version reads 1\)/;
    expectRefusal(await start('klusterlet', dataDir), 1, newer);
    for (const verb of ['run', 'status', 'leave']) {
      expectRefusal(await ours('klusterlet', [verb, '--data-dir', dataDir]), 1, newer);
    }
    expect(readFileSync(join(dataDir, 'config.json'), 'utf8')).to.equal(config);
  });

  it('is damaged', async () => {
    const dataDir = join(directory, 'damaged');
    mkdirSync(join(dataDir, 'store'), { recursive: true });
    writeFileSync(join(dataDir, 'store', 'store.mdb'), 'not lmdb at all');
    expectRefusal(await start('hub', dataDir), 1, /is damaged or was not written by this software/);
    writeFileSync(join(dataDir, 'config.json'), '{');
    expectRefusal(await ours('klusterlet', ['run', '--data-dir', dataDir]), 1, /config\.json is damaged/);
  });

  describe('for its disk', () => {
    if (!canMount()) return;
    const disk = join(directory, 'disk');
    beforeEach(() => {
      mkdirSync(disk, { recursive: true });
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=3m', 'tmpfs', disk]);
    });
    afterEach(() => {
      execFileSync('umount', ['--lazy', disk]);
    });

    const filler = join(disk, 'filler');
    function fill(): void {
      const { bavail, bsize } = statfsSync(disk);
      writeFileSync(filler, Buffer.alloc(bavail * bsize));
    }

    for (const command of commands) {
      it(`which is full (${command})`, async () => {
        fill();
        expectRefusal(await start(command, join(disk, 'data')), 1, /disk\S* ?.*is full/);
      });
      it(`which is read-only (${command})`, async () => {
        execFileSync('mount', ['-o', 'remount,ro', disk]);
        expectRefusal(await start(command, join(disk, 'data')), 1, /disk\/data\S* .*read-only/);
        expect(readdirSync(disk)).to.deep.equal([]);
      });
    }

    it('which fills up while the hub runs: writes are refused, reads go on, and so does the hub afterwards', async () => {
      const kubeconfig = join(directory, 'small.kubeconfig');
      const dataDir = join(disk, 'hub');
      const listen = `127.0.0.1:${await freePort()}`;
      const hub = new Daemon('hub', 'hub', [
        ...['serve', '--data-dir', dataDir, '--listen', listen, '--kubeconfig', kubeconfig],
      ]);
      hub.start();
      await eventually('the hub is ready', () => hub.output.includes('hub ready'));
      const options = (input: object) => ({ input: JSON.stringify(input) });
      const small = ['--kubeconfig', kubeconfig];
      const put = (name: string) =>
        fleet.kubectlWith(options(configMap(name, { a: 'x'.repeat(50_000) })), 'create', '-f', '-', ...small);
      must(await put('before'));
      fill();
      const refused = await put('full');
      expect(refused.stderr).to.match(
        /\(InsufficientStorage\).*disk that holds the data directory \S+ is full/,
      );
      expect(refused.code).to.equal(1);
      const names = async (): Promise<string> =>
        must(await fleet.kubectl('get', 'configmaps', '-o', 'name', ...small));
      expect(await names())
        .to.contain('before')
        .and.not.to.contain('full');
      rmSync(filler);
      must(await put('after'));
      expect(await names())
        .to.contain('after')
        .and.not.to.contain('full');
      await hub.stop();
    });
  });
});

function canMount(): boolean {
  return process.platform === 'linux' && process.getuid?.() === 0 && mountWorks();
}

/** Containers often run as root without the right to mount. */
function mountWorks(): boolean {
  const probe = mkdtempSync(join(tmpdir(), 'flotilla-mount-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', probe], { stdio: 'ignore' });
    execFileSync('umount', [probe], { stdio: 'ignore' });
    return true;
  } catch {
    return false; // that is the answer
  } finally {
    rmSync(probe, { recursive: true, force: true });
  }
}
