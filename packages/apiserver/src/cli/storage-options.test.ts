import { expect } from 'chai';
import { Command } from 'commander';
import { addStorageOptions, type StorageFlags } from './storage-options.js';

function parse(...args: string[]): StorageFlags {
  const command = addStorageOptions(new Command('server'))
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  return command.parse(args, { from: 'user' }).opts();
}

describe('the flags of kube-apiserver about its store', () => {
  it('are read as it reads them', () => {
    expect(
      parse(
        ...['--etcd-servers=http://a:1,http://b', '--etcd-servers', 'http://c:3', '--etcd-prefix=/x/'],
        '--etcd-compaction-interval=1m30s',
      ),
    ).to.deep.equal({
      etcdServers: ['http://a:1', 'http://b:2379', 'http://c:3'],
      etcdPrefix: '/x',
      etcdCompactionInterval: 90_000,
    });
    expect(parse()).to.deep.equal({});
  });

  for (const [flag, reason] of [
    ['--etcd-servers=a:1', /is not a URL like/],
    ['--etcd-prefix=x', /is not a path like/],
    ['--etcd-compaction-interval=90', /such as 90s/],
    ['--etcd-compaction-interval=0', /at least 1s/],
  ] as const) {
    it(`refuse ${flag}`, () => expect(() => parse(flag)).to.throw(reason));
  }
});
