import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createNodeEnv } from '@flotilla/kube/node';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { openAuditLog } from './audit-log.js';

describe('audit log', () => {
  let directory: string;
  let path: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'audit-'));
    path = join(directory, 'logs', 'audit.log');
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const env = createTestEnv();
  const names = async (): Promise<string[]> => (await readdir(join(directory, 'logs'))).sort();

  it('keeps lines in order, in a file that only its owner reads, and goes on where it was', async () => {
    for (const text of ['one', 'two']) {
      const log = await openAuditLog({ path }, env);
      log.write(`${text} a`);
      log.write(`${text} b`);
      await log.close();
      expect(log.counts).to.deep.equal({ events: 2, dropped: 0 });
    }
    expect(await readFile(path, 'utf8')).to.equal('one a\none b\ntwo a\ntwo b\n');
    expect((await stat(path)).mode & 0o777).to.equal(0o600);
  });

  it('writes without being closed', async () => {
    const log = await openAuditLog({ path }, createNodeEnv({ logLevel: 'error' }));
    log.write('line');
    while ((await readFile(path, 'utf8')) === '') await new Promise((resolve) => setTimeout(resolve, 5));
    expect(await readFile(path, 'utf8')).to.equal('line\n');
    await log.close();
  });

  it('rotates before a file grows too large, and keeps so many', async () => {
    const line = 'x'.repeat(600 * 1024);
    for (let i = 0; i < 5; i++) {
      const log = await openAuditLog({ path, maxSizeMegabytes: 1, maxBackups: 2 }, env);
      log.write(`${i}${line}`);
      await log.close();
      await env.clock.advance(1000);
    }
    const found = await names();
    expect(found).to.have.length(3);
    expect(
      found.filter((name) => /^audit-\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d\.\d{3}\.log$/.test(name)),
    ).to.have.length(2);
    expect((await readFile(path, 'utf8')).slice(0, 2)).to.equal('4x');
    const first = await Promise.all(
      found
        .filter((name) => name !== 'audit.log')
        .map((name) => readFile(join(directory, 'logs', name), 'utf8')),
    );
    expect(first.map((text) => text[0]).sort()).to.deep.equal(['2', '3']);
  });

  it('drops and counts what does not fit its buffer', async () => {
    const log = await openAuditLog({ path, maxBufferedBytes: 10 }, env);
    for (const line of ['12345', '67890', 'too much']) log.write(line);
    expect(log.counts).to.deep.equal({ events: 3, dropped: 1 });
    await log.close();
    expect(await readFile(path, 'utf8')).to.equal('12345\n67890\n');
    log.write('late');
    expect(log.counts).to.deep.equal({ events: 4, dropped: 2 });
  });

  it('says which flag is wrong when the file cannot be opened', async () => {
    const failure = await openAuditLog({ path: directory }, env).catch((error: Error) => error.message);
    expect(failure).to.match(/^--audit-log-path .*: the file cannot be opened: /);
  });
});
