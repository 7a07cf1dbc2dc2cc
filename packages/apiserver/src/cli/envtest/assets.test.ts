import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { type EnvtestAssetsOptions, writeEnvtestAssets } from './assets.js';

describe('the folder for test environments', () => {
  let root: string;
  let options: EnvtestAssetsOptions;

  beforeEach(() => {
    root = mkdtempSync(join(tmpdir(), "flotilla assets' $HOME "));
    const script = join(root, 'echo.mjs');
    writeFileSync(script, 'console.log(JSON.stringify(process.argv.slice(2)));');
    options = { directory: join(root, 'bin'), node: process.execPath, script, flags: [], path: undefined };
  });

  afterEach(() => rmSync(root, { recursive: true, force: true }));

  const launch = (name: string, ...args: string[]): unknown =>
    JSON.parse(String(execFileSync(join(options.directory, name), args, { cwd: '/', env: {} })));

  const program = (folder: string, name: string): string => {
    mkdirSync(folder, { recursive: true });
    const path = join(folder, name);
    writeFileSync(path, '#!/bin/sh\n');
    chmodSync(path, 0o755);
    return path;
  };

  it('has launchers that start without an environment, from any directory, with all arguments', async () => {
    await writeEnvtestAssets({ ...options, flags: ["--controllers=it's,*"] });
    const args = ['--a=b c', '$HOME', '', '--x'];
    expect(launch('kube-apiserver', ...args)).to.deep.equal([
      'kube-apiserver',
      "--controllers=it's,*",
      ...args,
    ]);
    expect(launch('etcd', ...args)).to.deep.equal(['etcd', ...args]);
  });

  it('leads to the first kubectl on the PATH that can be executed', async () => {
    const [first, second] = [join(root, 'first'), join(root, 'second')];
    chmodSync(program(first, 'kubectl'), 0o644);
    const found = program(second, 'kubectl');
    const path = ['', join(root, 'nowhere'), options.directory, first, second].join(':');
    for (const round of ['at first', 'when written again']) {
      expect((await writeEnvtestAssets({ ...options, path })).kubectl, round).to.equal(found);
      expect(readlinkSync(join(options.directory, 'kubectl'))).to.equal(found);
    }
  });

  it('has none where there is none', async () => {
    expect((await writeEnvtestAssets(options)).kubectl).to.equal(undefined);
    expect(readdirSync(options.directory).sort()).to.deep.equal(['etcd', 'kube-apiserver']);
  });

  it('is brought up to date when written again', async () => {
    await writeEnvtestAssets(options);
    await writeEnvtestAssets({ ...options, flags: ['--new'] });
    expect(launch('kube-apiserver')).to.deep.equal(['kube-apiserver', '--new']);
  });

  it('never replaces another program', async () => {
    const etcd = program(options.directory, 'etcd');
    const outcome = await writeEnvtestAssets(options).catch((error: Error) => error.message);
    expect(outcome).to.equal(`${etcd} is another program, which stays; choose another folder with --dir`);
    expect(readFileSync(etcd, 'utf8')).to.equal('#!/bin/sh\n');
    expect(readdirSync(options.directory)).to.deep.equal(['etcd']);
  });

  it('never replaces a kubectl that is no link', async () => {
    const own = program(options.directory, 'kubectl');
    const other = program(join(root, 'other'), 'kubectl');
    expect((await writeEnvtestAssets({ ...options, path: join(root, 'other') })).kubectl).to.equal(own);
    expect(lstatSync(own).isSymbolicLink()).to.equal(false);
    expect(other).not.to.equal(own);
  });

  it('says when the folder cannot be one', async () => {
    writeFileSync(join(root, 'file'), '');
    const directory = join(root, 'file', 'bin');
    const outcome = await writeEnvtestAssets({ ...options, directory }).catch(
      (error: Error) => error.message,
    );
    expect(outcome).to.equal(
      `cannot use the folder ${directory}: there is a file in its place; choose another with --dir`,
    );
  });
});
