import { createMemoryFiles, createSeededRandom } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { type EtcdOptions, loadEtcdSettings, parseEtcdPrefix, parseEtcdServer } from './etcd.js';

async function refusal(options: EtcdOptions): Promise<string> {
  const files = createMemoryFiles({ random: createSeededRandom(1) });
  await files.write('/empty.pem', 'nothing');
  await files.write('/pair.pem', '-----BEGIN CERTIFICATE-----\n');
  try {
    await loadEtcdSettings(options, files);
  } catch (error) {
    return String(error);
  }
  throw new Error('it was accepted');
}

describe('the flags for etcd', () => {
  it('take URLs of members, with the port of etcd for one that has none', () => {
    expect(parseEtcdServer('http://127.0.0.1:2379')).to.equal('http://127.0.0.1:2379');
    expect(parseEtcdServer('https://etcd.example/')).to.equal('https://etcd.example:2379');
    expect(parseEtcdServer('https://[::1]:23')).to.equal('https://[::1]:23');
    for (const text of [
      'etcd.example:2379',
      'ftp://a',
      '',
      'http://',
      'http://a/b',
      'http://u@a',
      'http://a?b',
    ]) {
      expect(() => parseEtcdServer(text), text).to.throw('like https://host:2379');
    }
  });

  it('take a prefix with or without a slash at its end', () => {
    expect(parseEtcdPrefix('/a/b-1/')).to.equal('/a/b-1');
    for (const text of ['', '/', 'a', '//a', '/a b']) {
      expect(() => parseEtcdPrefix(text), text).to.throw('is not a path');
    }
  });

  it('mean the data directory when no server is named', async () => {
    const files = createMemoryFiles({ random: createSeededRandom(1) });
    expect(await loadEtcdSettings({}, files)).to.equal(undefined);
    expect(await loadEtcdSettings({ etcdServers: ['http://a:1', 'http://a:1'] }, files)).to.deep.equal({
      endpoints: ['http://a:1'],
      prefix: '/flotilla',
      tls: {},
    });
  });

  it('are refused with the name of the flag at fault', async () => {
    const secure = { etcdServers: ['https://a:1'] };
    const table: readonly (readonly [EtcdOptions, string])[] = [
      [{ etcdCafile: '/a' }, '--etcd-cafile has no meaning without --etcd-servers'],
      [{ etcdPrefix: '/a' }, '--etcd-prefix has no meaning without --etcd-servers'],
      [{ etcdServers: ['http://a:1', 'https://b:1'] }, 'all http:// or all https://'],
      [{ etcdServers: ['http://a:1'], etcdCertfile: '/a' }, '--etcd-certfile has no meaning for'],
      [{ ...secure, etcdCertfile: '/pair.pem' }, 'belong together'],
      [{ ...secure, etcdCafile: '/none.pem' }, '--etcd-cafile /none.pem: there is no such file'],
      [{ ...secure, etcdCafile: '/empty.pem' }, '--etcd-cafile /empty.pem: it holds nothing in PEM form'],
    ];
    for (const [options, text] of table) expect(await refusal(options)).to.include(text);
  });
});
