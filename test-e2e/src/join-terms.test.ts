import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { type Cluster, type Conditioned, Fleet, isTrue, must } from './support/fleet.js';
import { GuardedProxy } from './support/guarded-proxy.js';
import { freePort } from './support/network.js';
import { eventually, ours, type Result } from './support/processes.js';
import { expectRefusal, Joiner, joinString } from './support/refusals.js';

interface Named extends Conditioned {
  readonly metadata: Conditioned['metadata'] & { readonly labels: Record<string, string> };
  readonly spec: { readonly hubAcceptsClient: boolean };
}

describe('joining', () => {
  const fleet = new Fleet();
  const joiners: Joiner[] = [];
  const proxies: GuardedProxy[] = [];
  const pids: number[] = [];
  let cluster: Cluster;

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('c');
  });
  after(async () => {
    for (const pid of pids) stopProcess(pid);
    for (const joiner of joiners) await joiner.stop();
    for (const proxy of proxies) await proxy.close();
    await fleet.close();
  });

  function newJoiner(): Joiner {
    const joiner = new Joiner(fleet, cluster);
    joiners.push(joiner);
    return joiner;
  }

  async function newProxy(password?: string): Promise<GuardedProxy> {
    const proxy = await new GuardedProxy(password).open();
    proxies.push(proxy);
    return proxy;
  }

  const available = (name: string): Promise<Named> =>
    eventually(`${name} is available`, async () => {
      const found = await fleet.hubGet<Named>('managedcluster', name);
      return isTrue(found, 'ManagedClusterConditionAvailable') && found;
    });

  describe('with a token that carries more', () => {
    it('needs no approval, and gets its labels and its set', async () => {
      const terms = ['--approve', '--label', 'region=north', '--label', 'tier=', '--cluster-set', 'shops'];
      const text = await joinString(fleet, '--names', 'edge-*', ...terms);
      expect(text).to.match(/&names=edge-\*$/);
      const joiner = newJoiner();
      expectRefusal(
        await joiner.join(text, 'core-1'),
        2,
        /the join string is for names like edge-\*, not for core-1/,
      );
      const forged = await joiner.join(text.replace(/&names=.*/, ''), 'core-1');
      expectRefusal(forged, 1, /the bootstrap token is for names like edge-\* only/);
      joiner.start(text, 'edge-1');
      const { metadata, spec } = await available('edge-1');
      expect(spec.hubAcceptsClient).to.equal(true);
      expect(metadata.labels).to.include({
        region: 'north',
        tier: '',
        'cluster.open-cluster-management.io/clusterset': 'shops',
      });
      expect(must(await fleet.hubCommand('csr', 'list'))).to.match(/^edge-1-\S+ .*Approved,Issued/m);
    });

    it('keeps the hub from knowing the token: there is a hash only', async () => {
      const text = await joinString(fleet);
      const [, id = '', secret = ''] = /token=(.{6})\.(.{16})/.exec(text) ?? [];
      const kept = must(
        await fleet.kubectl('get', 'secret', `bootstrap-token-${id}`, '-n', 'kube-system', '-o', 'yaml'),
      );
      expect(kept)
        .to.contain('token-secret-hash')
        .and.not.to.match(/^ {2}token-secret:/m);
      expect(kept).not.to.contain(Buffer.from(secret).toString('base64'));
    });

    it('is denied for good where an operator has said no meanwhile', async () => {
      const joiner = newJoiner();
      const text = await joinString(fleet, '--cluster', 'edge-1', '--approve');
      must(await fleet.hubCommand('deny', 'edge-1'));
      await eventually('it is denied', async () => {
        const { status } = await fleet.hubGet<Conditioned>('managedcluster', 'edge-1');
        return status?.conditions?.some(({ reason }) => reason === 'HubClusterAdminDenied');
      });
      joiner.start(text, 'edge-1');
      await eventually('it waits', () => joiner.output.includes('waiting for the hub to accept'));
      const { spec } = await fleet.hubGet<Named>('managedcluster', 'edge-1');
      expect(spec.hubAcceptsClient).to.equal(false);
      await joiner.stop();
    });

    for (const [args, says] of [
      [['--names', 'A b'], /--names takes letters/],
      [['--label', 'novalue'], /give a label such as region=north/],
      [['--cluster-set', 'No_Set'], /--cluster-set is refused/],
      [['--cluster', 'a', '--names', 'a*'], /give --cluster or --names, not both/],
    ] as const) {
      it(`is refused when it cannot be: ${args.join(' ')}`, async () => {
        expectRefusal(await fleet.hubCommand('token', 'create', ...args), 2, says);
      });
    }
  });

  describe('looks at each hop first', () => {
    it('tells all that it finds, and changes nothing when one fails', async () => {
      const text = (await joinString(fleet)).replace(/127\.0\.0\.1:\d+/, `127.0.0.1:${await freePort()}`);
      const joiner = newJoiner();
      const { code, stderr } = await joiner.join(text, 'nobody');
      expect(stderr).to.match(/^ok {3}cluster: the managed cluster answers \(v1\.32/m);
      expect(stderr)
        .to.match(/^ok {3}cluster rights: /m)
        .and.to.match(/^ok {3}hub name: /m);
      expect(stderr).to.match(/^error: hub route: .*refused \(TCP\); to mend it: see whether the hub runs/m);
      expect(code).to.equal(1);
      joiner.expectFree();
    });

    it('tries every address of the join string, and takes one that is well', async () => {
      const dead = `https://127.0.0.1:${await freePort()}`;
      const alive = `https://127.0.0.1:${fleet.hubPort}`;
      const text = await joinString(fleet, '--server', dead, '--server', alive, '--approve');
      const joiner = newJoiner();
      joiner.start(text, 'roundabout');
      await available('roundabout');
      expect(joiner.output).to.match(/^warn hub route 127\.0\.0\.1:\d+: .*refused/m);
      await joiner.stop();
    });

    it('names the rights that are missing in the managed cluster (RBAC)', async () => {
      const account = ['-n', 'default', 'weak'];
      must(await fleet.on(cluster, 'create', 'serviceaccount', ...account));
      const token = must(await fleet.on(cluster, 'create', 'token', ...account)).trim();
      const weak = join(fleet.directory, 'weak.kubeconfig');
      const config = must(await fleet.on(cluster, 'config', 'view', '--raw', '--flatten', '-o', 'json'));
      const { users, ...rest } = JSON.parse(config) as { users: { name: string }[] };
      const weakUsers = users.map(({ name }) => ({ name, user: { token } }));
      writeFileSync(weak, JSON.stringify({ ...rest, users: weakUsers }));
      const args = newJoiner()
        .args(await joinString(fleet), 'weak')
        .map((arg) => (arg === cluster.kubeconfig ? weak : arg));
      const refused = await ours('klusterlet', args, { timeoutMs: 20_000 });
      expectRefusal(
        refused,
        1,
        /cluster rights: in the managed cluster \(RBAC\) the klusterlet may not .*create customresourcedefinitions\.apiextensions\.k8s\.io.*to mend it: use the kubeconfig of an administrator/,
      );
    });
  });

  describe('through an HTTP proxy', () => {
    async function viaProxy(
      name: string,
      more: { args?: string[]; env?: Record<string, string> },
    ): Promise<Result> {
      const server = `https://hub.invalid:${fleet.hubPort}`;
      const text = await joinString(fleet, '--server', server, '--approve');
      return ours('klusterlet', [...newJoiner().args(text, name), ...(more.args ?? [])], {
        timeoutMs: 15_000,
        env: more.env ?? {},
      });
    }

    it('sends the handshake through the proxy that --proxy-url names, or HTTPS_PROXY', async () => {
      // The hub's certificate is not for that name: that much is seen through the proxy only.
      for (const way of ['flag', 'environment'] as const) {
        const proxy = await newProxy();
        const more =
          way === 'flag' ? { args: ['--proxy-url', proxy.url] } : { env: { HTTPS_PROXY: proxy.url } };
        const { stderr } = await viaProxy(`via-${way}`, more);
        expect(proxy.asked, way).to.include(`hub.invalid:${fleet.hubPort}`);
        expect(stderr, way).to.match(
          /hub ca: the hub's certificate is for other names than hub\.invalid: .*to mend it: start the hub with --advertise/,
        );
      }
    });

    it('joins, works and comes back after a restart through it', async () => {
      const proxy = await newProxy('user:secret');
      const text = await joinString(fleet, '--approve');
      const joiner = newJoiner();
      joiner.start(text, 'behind', '--proxy-url', proxy.url);
      await available('behind');
      expect(proxy.asked.length).to.be.greaterThan(0);
      expect(joiner.output).to.contain(`is reached through the proxy http://127.0.0.1:${proxy.port}`);
      expect(joiner.output).not.to.contain('secret');
      await joiner.stop();
      const before = proxy.asked.length;
      joiner.run();
      await eventually('it asks through the proxy again', () => proxy.asked.length > before);
      await joiner.stop();
    });

    for (const [what, says, spoil] of [
      [
        'is away',
        /connection refused \(TCP\); to mend it: check --proxy-url/,
        (proxy: GuardedProxy) => proxy.close(),
      ],
      ['wants a password', /wants other credentials \(HTTP 407\); to mend it: check --proxy-url/, undefined],
    ] as const) {
      it(`tells that the proxy ${what}`, async () => {
        const proxy = await newProxy('user:secret');
        const url = proxy.url.replace('user:secret@', '');
        await spoil?.(proxy);
        const refused = await newJoiner().join(await joinString(fleet), 'nobody', '--proxy-url', url);
        expectRefusal(refused, 1, says);
      });
    }

    it('goes around it for what NO_PROXY names', async () => {
      const proxy = await newProxy();
      const joiner = newJoiner();
      const env = { HTTPS_PROXY: proxy.url, NO_PROXY: '127.0.0.1' };
      const args = [...joiner.args(await joinString(fleet, '--approve'), 'direct'), '--background'];
      const joined = await ours('klusterlet', args, { env });
      pids.push(pidOf(joined));
      must(joined);
      expect(proxy.asked).to.deep.equal([]);
    });
  });

  describe('in the background', () => {
    it('ends with 0 only when the hub says Available, and tells how far it is', async () => {
      const joiner = newJoiner();
      const text = await joinString(fleet, '--cluster', 'back');
      const joining = ours('klusterlet', [...joiner.args(text, 'back'), '--background', '--wait', '60s']);
      must(await fleet.hubCommand('approve', 'back', '--wait', '30s'));
      const joined = await joining;
      pids.push(pidOf(joined));
      expect(joined.stdout).to.match(
        /^back is available on https:\S+; the klusterlet goes on as process \d+\n$/,
      );
      expect(joined.stderr).to.contain('waiting for the hub to accept: run "hub approve back" there');
      expect(joined.stderr).to.contain('joined the hub at');
      expect(
        isTrue(await fleet.hubGet<Conditioned>('managedcluster', 'back'), 'ManagedClusterConditionAvailable'),
      ).to.equal(true);
      expect(readFileSync(join(joiner.dataDir, 'klusterlet.log'), 'utf8')).to.contain('joined the hub at');
    });

    it('ends with 1 and what is missing when that takes too long', async () => {
      const joiner = newJoiner();
      const args = [...joiner.args(await joinString(fleet), 'slow'), '--background', '--wait', '3s'];
      const late = await ours('klusterlet', args);
      pids.push(pidOf(late));
      expectRefusal(
        late,
        1,
        /slow is not available yet: the hub has to accept it \("hub approve slow" there\)/,
      );
    });

    it('ends with 1 and the last words of a klusterlet that was refused', async () => {
      const joiner = newJoiner();
      const joining = ours('klusterlet', [
        ...joiner.args(await joinString(fleet), 'refused'),
        '--background',
      ]);
      const csr = await eventually('it asks', async () => {
        const { stdout } = await fleet.hubCommand('csr', 'list');
        return /^(refused-\S+) .*Pending/m.exec(stdout)?.[1];
      });
      must(await fleet.hubCommand('csr', 'deny', csr));
      expectRefusal(await joining, 1, /the klusterlet has ended: the hub refused the certificate request/);
    });
  });

  it('does not end with 0 when it is stopped before it was available', async () => {
    const joiner = newJoiner();
    joiner.start(await joinString(fleet), 'stopped');
    await eventually('it waits', () => joiner.output.includes('waiting for the hub to accept'));
    expect(await joiner.stop()).to.equal(1);
    expect(joiner.output).to.contain('stopped before the hub called stopped available');
  });
});

function pidOf({ stdout, stderr }: Result): number {
  return Number(/process (\d+)/.exec(stdout + stderr)?.[1] ?? 0);
}

function stopProcess(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, 'SIGTERM');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error; // it has ended by itself
  }
}
