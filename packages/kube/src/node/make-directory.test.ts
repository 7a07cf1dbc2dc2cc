import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { FileError, toFileError } from './file-errors.js';
import { makeDirectory } from './make-directory.js';

describe('making directories', () => {
  let base: string;
  beforeEach(async () => {
    base = await mkdtemp(join(tmpdir(), 'flotilla-make-'));
  });
  afterEach(() => rm(base, { recursive: true }));

  it('makes what is missing, private, and says what that was', async () => {
    const path = join(base, 'a', 'b');
    expect(await makeDirectory(path)).to.deep.equal([join(base, 'a'), path]);
    expect((await stat(path)).mode & 0o777).to.equal(0o700);
    expect(await makeDirectory(path)).to.deep.equal([]);
  });

  it('lets many make the same one', async () => {
    const path = join(base, 'a', 'b', 'c');
    const made = await Promise.all([1, 2, 3, 4].map(() => makeDirectory(path)));
    expect(made.flat().filter((folder) => folder === path)).to.have.length(1);
  });

  it('fails with the reason, once, where nothing can be made', async () => {
    await writeFile(join(base, 'file'), '');
    for (const path of [join(base, 'file'), join(base, 'file', 'below')]) {
      const failure = await makeDirectory(path).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect((failure as NodeJS.ErrnoException).code).to.be.oneOf(['EEXIST', 'ENOTDIR']);
    }
  });
});

describe('errors of the file system', () => {
  for (const [code, sentence] of [
    ['ENOSPC', 'cannot write /a: the disk is full'],
    ['EROFS', 'cannot write /a: the file system is read-only'],
    ['EACCES', 'cannot write /a: permission denied'],
    ['EWHAT', 'cannot write /a: something new'],
  ] as const) {
    it(`say what ${code} means and keep the code`, () => {
      const error = toFileError(Object.assign(new Error('something new'), { code }), 'write', '/a');
      expect(error).to.be.instanceOf(FileError).and.to.include({ message: sentence, code });
      expect(toFileError(error, 'read', '/b')).to.equal(error);
    });
  }
});
