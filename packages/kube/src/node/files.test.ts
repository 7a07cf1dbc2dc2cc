import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Files } from '../env/env.js';
import { createMemoryFiles } from '../testing/memory-files.js';
import { createNodeFiles } from './files.js';

const implementations: { readonly name: string; readonly make: () => Files }[] = [
  { name: 'node files', make: createNodeFiles },
  { name: 'memory files', make: createMemoryFiles },
];

for (const { name, make } of implementations) {
  describe(name, () => {
    let folder: string;
    let files: Files;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'files-'));
      files = make();
    });

    afterEach(() => rm(folder, { recursive: true }));

    it('read what was written, and nothing where nothing is', async () => {
      await files.write(join(folder, 'a/b/c.txt'), 'text');
      await files.write(join(folder, 'a/b/d.bin'), Uint8Array.of(0, 255));
      expect(Buffer.from((await files.read(join(folder, 'a/b/c.txt'))) ?? []).toString()).to.equal('text');
      expect([...((await files.read(join(folder, 'a/b/d.bin'))) ?? [])]).to.deep.equal([0, 255]);
      expect(await files.read(join(folder, 'none/x'))).to.equal(undefined);
    });

    it('list names in order, and nothing where no folder is', async () => {
      for (const file of ['b', 'a', 'sub/c']) await files.write(join(folder, file), '');
      expect(await files.list(folder)).to.deep.equal(['a', 'b', 'sub']);
      expect(await files.list(join(folder, 'none'))).to.deep.equal([]);
    });

    it('remove files and whole folders, and what is absent', async () => {
      for (const file of ['a', 'sub/b', 'sub/c']) await files.write(join(folder, file), '');
      await files.remove(join(folder, 'sub'));
      await files.remove(join(folder, 'a'));
      await files.remove(join(folder, 'none'));
      expect(await files.list(folder)).to.deep.equal([]);
    });

    it('take many writes into one new folder at the same time', async () => {
      const names = Array.from({ length: 50 }, (_, i) => `file-${String(i).padStart(2, '0')}`);
      await Promise.all(names.map((name) => files.write(join(folder, 'new/sub', name), name)));
      expect(await files.list(join(folder, 'new/sub'))).to.deep.equal(names);
      const last = await files.read(join(folder, 'new/sub/file-49'));
      expect(Buffer.from(last ?? []).toString()).to.equal('file-49');
    });

    it('keep the order of writes to one path', async () => {
      const path = join(folder, 'a');
      await Promise.all(Array.from({ length: 20 }, (_, i) => files.write(path, String(i))));
      expect(Buffer.from((await files.read(path)) ?? []).toString()).to.equal('19');
    });
  });
}

describe('node files', () => {
  it('write with the mode that is asked for, private by default, and leave nothing behind', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'files-'));
    const files = createNodeFiles();
    await files.write(join(folder, 'sub/private'), 'x');
    await files.write(join(folder, 'sub/public'), 'x', { mode: 0o644 });
    const modeOf = async (path: string): Promise<number> => (await stat(join(folder, path))).mode & 0o777;
    expect(await modeOf('sub')).to.equal(0o700);
    expect(await modeOf('sub/private')).to.equal(0o600);
    expect(await modeOf('sub/public')).to.equal(0o644);
    expect((await readdir(join(folder, 'sub'))).sort()).to.deep.equal(['private', 'public']);
    await writeFile(join(folder, 'sub/.private.00.flotilla-tmp'), 'left by a crash');
    expect(await files.list(join(folder, 'sub'))).to.deep.equal(['private', 'public']);
    await rm(folder, { recursive: true });
  });

  it('fail a write that cannot be done, and go on', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'files-'));
    const files = createNodeFiles();
    await files.write(join(folder, 'a'), 'x');
    const failure = await files.write(join(folder, 'a/b'), 'x').catch((error: unknown) => error);
    expect(failure).to.be.instanceOf(Error);
    await files.write(join(folder, 'a'), 'y');
    expect(Buffer.from((await files.read(join(folder, 'a'))) ?? []).toString()).to.equal('y');
    await rm(folder, { recursive: true });
  });
});
