import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { expect } from 'chai';
import { type FalseHub, newAuthority, startPlainHub, startTlsHub } from './support/false-hubs.js';
import { type Cluster, Fleet, must } from './support/fleet.js';
import { freePort } from './support/network.js';
import { eachOf, eventually, ours, type Result } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

describe('a join that cannot be', () => {
  const fleet = new Fleet();
  const joiners: Joiner[] = [];
  const closers: (() => Promise<void>)[] = [];
  let cluster: Cluster;
  let valid = '';

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('c');
    valid = await joinString(fleet);
  });
  after(async () => {
    for (const joiner of joiners) await joiner.stop();
    for (const close of closers) await close();
    await fleet.close();
  });

  function newJoiner(): Joiner {
    const joiner = new Joiner(fleet, cluster);
    joiners.push(joiner);
    return joiner;
  }

  const withHost = (text: string, host: string): string => text.replace(/127\.0\.0\.1:\d+/, host);

  async function falseHub(made: Promise<FalseHub>): Promise<FalseHub> {
    const hub = await made;
    closers.push(() => hub.close());
    return hub;
  }

  const at = ({ port, pin }: FalseHub): string =>
    `https://127.0.0.1:${port}/?token=abcdef.0123456789abcdef&ca=${pin}`;

  async function namesOnHub(): Promise<string[]> {
    const names = must(await fleet.kubectl('get', 'managedclusters,csr', '-o', 'name'));
    return names.trim().split('\n').filter(Boolean);
  }

  const unreachable: { name: string; says: RegExp; to: () => Promise<string> }[] = [
    {
      name: 'a host name that nobody knows (DNS)',
      says: /cannot reach hub at no-such-hub\.invalid:6443: .*\(DNS\)/,
      to: async () => withHost(valid, 'no-such-hub.invalid:6443'),
    },
    {
      name: 'a port where nobody listens (TCP)',
      says: /cannot reach hub at 127\.0\.0\.1:\d+: connection refused \(TCP\)/,
      to: async () => withHost(valid, `127.0.0.1:${await freePort()}`),
    },
    {
      name: 'a server without TLS (TLS)',
      says: /does not speak TLS on this port \(TLS\)/,
      to: async () => at(await falseHub(startPlainHub())),
    },
    {
      name: 'a CA that does not match the pin (CA)',
      says: /does not match the pin in the join string \(CA\)/,
      to: async () => valid.replace(/sha256:[0-9a-f]{4}/, 'sha256:0000'),
    },
    {
      name: "somebody who shows the right CA and another's certificate (CA)",
      says: /the hub at \S+ does not match the pin in the join string \(CA\)|is not good \(CA\): /,
      to: async () => {
        const [signer, shown] = [newAuthority('mallory'), newAuthority('hub')];
        return at(await falseHub(startTlsHub({ signer, shown, fromMs: Date.now() - 60_000 })));
      },
    },
    {
      name: "a certificate that is not of this machine's time (clock)",
      says: /is valid from \S+ to \S+, and this machine's clock says \S+: set the clock \(clock\)/,
      to: async () => {
        const signer = newAuthority('hub');
        return at(await falseHub(startTlsHub({ signer, shown: signer, fromMs: Date.now() + 7_200_000 })));
      },
    },
    {
      name: 'a token that the hub does not know (token)',
      says: /refused the token \(token\): the bootstrap token is not known; .*make a new .*"hub token create"/,
      to: async () => valid.replace(/token=.{6}/, 'token=zzzzzz'),
    },
    {
      name: 'a token whose secret is wrong (token)',
      says: /refused the token \(token\): the bootstrap token is not known/,
      to: async () => valid.replace(/(token=.{6}\.).{16}/, '$1aaaaaaaaaaaaaaaa'),
    },
  ];
  describe('tells', () => {
    const answers = new Map<string, { joiner: Joiner; result: Result }>();
    before(async () => {
      await eachOf(unreachable, async ({ name, to }) => {
        const joiner = newJoiner();
        answers.set(name, { joiner, result: await joiner.join(await to(), 'refused') });
      });
    });
    for (const { name, says } of unreachable) {
      it(`${name}, and leaves nothing behind`, () => {
        const { joiner, result } = answers.get(name) ?? expect.fail('no answer');
        expectRefusal(result, 1, says);
        joiner.expectFree();
      });
    }
    it('nothing of it to the hub', async () => expect((await namesOnHub()).join()).not.to.contain('refused'));
  });

  it('tells that a token has expired, by the clock of the hub', async () => {
    const joiner = newJoiner();
    const short = await joinString(fleet, '--ttl', '1s');
    await eventually('the token has expired', async () => {
      const secrets = await fleet.hubGet<{ items: { data: Record<string, string> }[] }>(
        'secrets',
        '-n',
        'kube-system',
      );
      const id = /token=(.{6})/.exec(short)?.[1] ?? '';
      const secret = secrets.items.find(
        ({ data }) => data?.['token-id'] === Buffer.from(id).toString('base64'),
      );
      if (secret === undefined) return true;
      const expiration = Buffer.from(secret.data['expiration'] ?? '', 'base64').toString();
      return Date.parse(expiration) <= Date.now();
    });
    expectRefusal(
      await joiner.join(short, 'late'),
      1,
      /\(token\): the bootstrap token (expired at|is not known)/,
    );
    joiner.expectFree();
  });

  const unreadable = /the join string cannot be read: .*copy the whole line/;
  const misused: { name: string; text?: string; args?: string[]; says: RegExp }[] = [
    {
      name: 'a cluster name that is no DNS label',
      args: ['--name', 'Not_A_Label'],
      says: /--name is refused: .*RFC 1123 label/,
    },
    {
      name: 'a cluster name of 64 letters',
      args: ['--name', 'a'.repeat(64)],
      says: /--name is refused: .*63/,
    },
    { name: 'no cluster name at all', args: [], says: /--name is missing/ },
    { name: 'a join string that is no URL', text: 'hello', says: unreadable },
    { name: 'http', text: 'http://127.0.0.1/?token=abcdef.0123456789abcdef', says: unreadable },
    { name: 'a token of another form', text: 'https://127.0.0.1/?token=short&ca=sha256:0', says: unreadable },
    { name: 'no pin', text: 'https://127.0.0.1/?token=abcdef.0123456789abcdef', says: unreadable },
  ];
  describe('is refused before anybody is asked, with', () => {
    const answers = new Map<string, Result>();
    before(async () => {
      await eachOf(misused, async ({ name, text = valid, args = ['--name', 'refused'] }) => {
        const managed = ['--kubeconfig', cluster.kubeconfig, '--data-dir', newJoiner().dataDir];
        answers.set(name, await ours('klusterlet', ['join', text, ...args, ...managed]));
      });
    });
    for (const { name, says } of misused) {
      it(name, () => {
        const result = answers.get(name) ?? expect.fail('no answer');
        expectRefusal(result, 2, says);
        expect(result.stderr).not.to.contain('0123456789abcdef');
      });
    }
  });

  it('tells that the managed cluster is not there, or its kubeconfig', async () => {
    const { dataDir } = newJoiner();
    const join = ['join', valid, '--name', 'refused', '--data-dir', dataDir, '--kubeconfig'];
    const none = await ours('klusterlet', [...join, '/nowhere/kubeconfig']);
    expectRefusal(none, 1, /kubeconfig: the file \/nowhere\/kubeconfig does not exist/);
    const away = fleet.hubKubeconfig.replace('hub.kubeconfig', 'away.kubeconfig');
    const hubs = readFileSync(fleet.hubKubeconfig, 'utf8');
    writeFileSync(away, withHost(hubs, `127.0.0.1:${await freePort()}`));
    const gone = await ours('klusterlet', [...join, away]);
    expectRefusal(gone, 1, /the managed cluster of \S+ cannot be reached: .*connection refused \(TCP\)/);
  });

  it('lets a data directory that was refused join under another name, and no directory of a member', async () => {
    const joiner = newJoiner();
    const wrong = valid.replace(/token=.{6}/, 'token=zzzzzz');
    expectRefusal(await joiner.join(wrong, 'first'), 1, /\(token\)/);
    await joiner.joined(valid, 'member');
    await joiner.stop();
    const other = await joinString(fleet);
    expectRefusal(await joiner.join(other, 'third'), 2, /belongs to member on https:.*"klusterlet leave"/);
    expect(readdirSync(joiner.dataDir)).to.include('config.json');
    joiner.run();
    await eventually('the klusterlet goes on', async () => {
      const { stdout } = await fleet.hubCommand('clusters');
      return /^member +true +True +True/m.test(stdout);
    });
  });

  it('tells that a token was used up', async () => {
    const joiner = newJoiner();
    await eventually('the token is used up', async () =>
      (await joiner.join(valid, 'again')).stderr.includes('already used'),
    );
    expectRefusal(
      await joiner.join(valid, 'again'),
      1,
      /\(token\): the bootstrap token was already used to join member/,
    );
    joiner.expectFree();
  });

  it('refuses a name that another key has joined, and leaves the token for another name', async () => {
    const joiner = newJoiner();
    const fresh = await joinString(fleet);
    const refused = await joiner.join(fresh, 'member');
    expectRefusal(
      refused,
      1,
      /the cluster name "member" is already joined by another key; choose another name/,
    );
    joiner.expectFree();
    await joiner.joined(fresh, 'other');
  });

  it('keeps a token to its cluster', async () => {
    const joiner = newJoiner();
    const bound = await joinString(fleet, '--cluster', 'bound');
    const used = await joiner.join(bound, 'stranger');
    expectRefusal(used, 2, /the join string is for the cluster bound, not for stranger/);
    const forged = await joiner.join(bound.replace('&cluster=bound', ''), 'stranger');
    expectRefusal(forged, 1, /the bootstrap token is for the cluster "bound" only/);
    joiner.expectFree();
  });
});
