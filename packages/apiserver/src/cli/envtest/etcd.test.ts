import { expect } from 'chai';
import { Command } from 'commander';
import { addEtcdCommand, type HealthAddress } from './etcd.js';

function start(...args: string[]): readonly HealthAddress[] | undefined {
  let started: readonly HealthAddress[] | undefined;
  const program = new Command('apiserver')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({ writeErr: () => undefined });
  addEtcdCommand(program, (addresses) => {
    started = addresses;
    return Promise.resolve();
  });
  program.parse(['etcd', ...args], { from: 'user' });
  return started;
}

describe('the flags of an etcd', () => {
  it('are taken as envtest gives them', () => {
    expect(
      start(
        '--advertise-client-urls=http://127.0.0.1:4001',
        '--data-dir=/tmp/k8s_test_framework_2',
        '--listen-client-urls=http://127.0.0.1:4001',
        '--listen-peer-urls=http://127.0.0.1:4002',
        '--unsafe-no-fsync=true',
        '--auto-compaction-mode=periodic',
      ),
    ).to.deep.equal([{ host: '127.0.0.1', port: 4001 }]);
  });

  const urls: readonly (readonly [text: string, expected: readonly HealthAddress[]])[] = [
    ['http://localhost', [{ host: 'localhost', port: 80 }]],
    [
      'http://[::1]:2,http://a:1',
      [
        { host: '::1', port: 2 },
        { host: 'a', port: 1 },
      ],
    ],
  ];
  for (const [text, expected] of urls) {
    it(`listen at ${text}`, () => expect(start(`--listen-client-urls=${text}`)).to.deep.equal(expected));
  }

  for (const text of ['https://a:1', 'a:1', '', 'http://a:1,']) {
    it(`refuse the URL ${JSON.stringify(text)}`, () =>
      expect(() => start(`--listen-client-urls=${text}`)).to.throw('give URLs such as'));
  }
});
