import { expect } from 'chai';
import { judgeCertificate } from './certificate-checks.js';
import { CheckError, Checklist, failure, formatCheck, ok, reportChecks, warning } from './checklist.js';
import { judgeSkew } from './clock-checks.js';
import { judgeSpace } from './directory-checks.js';
import { ExitCode } from './program.js';

const dayMs = 24 * 3_600_000;
const mib = 1024 * 1024;

describe('checks of the doctors', () => {
  it('skip what needs something that is not well, and know how what was thrown is mended', async () => {
    const list = new Checklist();
    expect(await list.run('a', async () => warning('slow', 'wait'))).to.equal(true);
    const broken = () => Promise.reject(new CheckError('broken', 'mend it'));
    expect(await list.run('b', broken, { needs: ['a'] })).to.equal(false);
    expect(await list.run('c', async () => ok('never'), { needs: ['b'] })).to.equal(false);
    expect(await list.run('d', () => Promise.reject(new Error('gone')), { fix: 'start it' })).to.equal(false);
    expect(await list.run('e', async () => [])).to.equal(false);
    expect(list.checks.map(({ check, verdict, fix }) => [check, verdict, fix])).to.deep.equal([
      ['a', 'warn', 'wait'],
      ['b', 'fail', 'mend it'],
      ['c', 'skip', undefined],
      ['d', 'fail', 'start it'],
    ]);
  });
  it('are printed in a line each, the fix beneath, and end with 1 when one failed', async () => {
    const list = new Checklist();
    list.add({ check: 'a', ...ok('fine') });
    const printed: string[] = [];
    reportChecks(list, { format: 'table', print: (text) => printed.push(text) });
    expect(printed).to.deep.equal(['ok   a: fine', '\n1 well, 0 to look at, 0 failed']);
    list.add({ check: 'b', ...failure('off', 'switch it on') });
    expect(() => reportChecks(list, { format: 'json', print: (text) => printed.push(text) })).to.throw(
      ExitCode,
    );
    expect(JSON.parse(printed.at(-1) ?? '')).to.have.nested.property('summary.fail', 1);
    expect(formatCheck({ check: 'b', ...failure('off', 'switch it on') }, { colors: true })).to.equal(
      '\u001b[31mfail\u001b[39m b: off\n     fix: switch it on',
    );
  });

  for (const [leftMs, lifeMs, verdict] of [
    [-1, dayMs, 'fail'],
    [29 * dayMs, 365 * dayMs, 'warn'],
    [31 * dayMs, 365 * dayMs, 'ok'],
    [dayMs / 2, dayMs, 'ok'],
    [dayMs / 8, dayMs, 'warn'],
    [2 * dayMs, dayMs, 'fail'],
  ] as const) {
    it(`call a certificate of ${lifeMs / dayMs} days with ${leftMs / dayMs} left: ${verdict}`, () => {
      const certificate = { notBeforeMs: leftMs - lifeMs, notAfterMs: leftMs };
      expect(judgeCertificate(certificate, { what: 'it', nowMs: 0, fix: 'f' }).verdict).to.equal(verdict);
    });
  }

  for (const [aheadMs, verdict, says] of [
    [400, 'ok', /agree within 5 s/],
    [-6000, 'warn', /6 s behind that of the hub/],
    [61_000, 'fail', /61 s ahead of that of the hub/],
  ] as const) {
    it(`call a clock that is ${aheadMs} ms ahead: ${verdict}`, () => {
      const found = judgeSkew(aheadMs, 'the hub');
      expect(found.verdict).to.equal(verdict);
      expect(found.message).to.match(says);
    });
  }

  for (const [freeBytes, freeFiles, verdicts] of [
    [15 * mib, 1000, ['fail']],
    [500 * mib, 1000, ['warn']],
    [5000 * mib, 1000, []],
    [5000 * mib, 5, ['fail']],
  ] as const) {
    it(`call a disk with ${freeBytes / mib} MiB and ${freeFiles} files free: ${verdicts.join() || 'ok'}`, () => {
      const space = { freeBytes, totalBytes: 1e12, files: 1e6, freeFiles };
      expect(judgeSpace(space, '/data').map(({ verdict }) => verdict)).to.deep.equal([...verdicts]);
    });
  }
  it('do not count files where the file system does not', () => {
    expect(judgeSpace({ freeBytes: 1e12, totalBytes: 1e12, files: 0, freeFiles: 0 }, '/data')).to.deep.equal(
      [],
    );
  });
});
