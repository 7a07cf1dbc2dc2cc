import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { root, run } from './support/processes.js';

describe('npm start -- --once', () => {
  it('does the whole job, checks it, and leaves no process behind', async () => {
    const result = await run(process.execPath, [join(root, 'hack', 'start.mjs'), '--once'], {
      timeoutMs: 150_000,
    });
    expect(result.code, `${result.stdout}\n${result.stderr}`).to.equal(0);
    expect(result.stdout).to.match(/All of it came true in [\d.]+ s: hub [\d.]+ s, clusters/);
    expect(commandLines().filter((line) => line.includes(join('.flotilla', 'once')))).to.deep.equal([]);
  });

  it('says what is wrong with an unknown flag', async () => {
    const result = await run(process.execPath, [join(root, 'hack', 'start.mjs'), '--twice']);
    expect(result.code).to.equal(2);
    expect(result.stderr).to.contain('usage: npm start');
  });
});

/** Of all processes, on systems that have /proc. */
function commandLines(): string[] {
  const read = (pid: string): string => {
    try {
      return readFileSync(join('/proc', pid, 'cmdline'), 'utf8').replaceAll('\0', ' ');
    } catch {
      return ''; // it has just ended
    }
  };
  return process.platform === 'linux'
    ? readdirSync('/proc')
        .filter((name) => /^\d+$/.test(name))
        .map(read)
    : [];
}
