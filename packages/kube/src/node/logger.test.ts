import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNodeEnv } from './node-env.js';

describe('node logger', () => {
  let folder: string;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'log-'));
  });

  afterEach(() => rm(folder, { recursive: true }));

  it('writes a JSON line for each entry of its level', async () => {
    const logDestination = join(folder, 'log');
    const { log } = createNodeEnv({ logFormat: 'json', logLevel: 'info', logDestination });
    log.debug('hidden');
    log.child({ component: 'work' }).warn('manifest failed', { error: new Error('broken'), count: 2 });
    const lines = (await readFile(logDestination, 'utf8')).trim().split('\n');
    expect(lines.length).to.equal(1);
    const entry = JSON.parse(lines[0] ?? '');
    expect(entry).to.deep.include({ level: 'warn', message: 'manifest failed', component: 'work', count: 2 });
    expect(entry.error.message).to.equal('broken');
    expect(new Date(entry.time).toISOString()).to.equal(entry.time);
  });

  it('writes a short line for people', async () => {
    const logDestination = join(folder, 'log');
    const { log } = createNodeEnv({ logFormat: 'text', logDestination });
    const fields = { error: new Error('it broke'), key: 'ns/name', n: 1, list: ['a'], absent: undefined };
    log.child({ component: 'work' }).error('manifest failed', fields);
    const [line = ''] = (await readFile(logDestination, 'utf8')).split('\n');
    expect(line.replace(/^\d\d:\d\d:\d\d /, '')).to.equal(
      'ERROR manifest failed component=work error="it broke" key=ns/name n=1 list=["a"]',
    );
  });
});
