import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import type { Revision } from '../storage/store.js';
import { adoptIdentity } from './adopt-identity.js';
import { makeAuthority } from './authorities.js';
import { ensureServerPki, proposeIdentity, type ServerPki } from './server-pki.js';
import { ensureSharedIdentity, newerIdentity, rollIdentity, sharedIdentityKey } from './shared-identity.js';

const { files, ...rest } = createTestEnv();
const env = { ...rest, files };

/** Servers on one store, each with a directory of its own. */
async function setUp(name: string) {
  const store = createMemoryStore();
  const optionsOf = (server: string) => ({ env, directory: `/${name}/${server}`, caName: 'hub' });
  const make = () => makeAuthority(optionsOf('any'));
  async function start(server: string): Promise<ServerPki> {
    const options = optionsOf(server);
    await ensureSharedIdentity(store, async () => ({ ...(await proposeIdentity(options)), issuer: server }));
    const found = await newerIdentity(store, undefined);
    if (found === undefined) throw new Error('nothing is newer than nothing');
    await adoptIdentity(found.identity, options);
    return ensureServerPki({ ...options, dnsNames: ['hub'], ipAddresses: [] });
  }
  return { store, make, start };
}

/** What must be the same on all servers. */
const common = ({ phase, ca, trusted, serviceAccountKey }: ServerPki) => ({
  ...{ phase, trusted, serviceAccountKey },
  signing: ca.certificatePem,
});

describe('what servers on one store have in common', () => {
  it('is made by the first, whoever of two at a time that is', async () => {
    const { start } = await setUp('made');
    const [one, two] = await Promise.all([start('a'), start('b')]);
    expect(common(one)).to.deep.equal(common(two));
    expect(one.servingCertificate).not.to.equal(two.servingCertificate);
  });

  it('has its authority rolled step by step, also for a server that comes back later, or is new', async () => {
    const { store, make, start } = await setUp('rolled');
    const [first] = [await start('a'), await start('late')];
    await rollIdentity(store, 'begin', make);
    const spreading = await start('a');
    expect(spreading.phase).to.equal('spreading');
    expect(spreading.trusted).to.equal(first.trusted + spreading.ca.certificatePem);
    expect(common(await start('new'))).to.deep.equal(common(spreading));
    await rollIdentity(store, 'promote', make);
    const retiring = await start('a');
    expect(retiring.phase).to.equal('retiring');
    expect(retiring.trusted).to.equal(spreading.ca.certificatePem + first.trusted);
    expect(common(await start('late'))).to.deep.equal(common(retiring));
    await rollIdentity(store, 'finish', make);
    for (const server of ['a', 'new', 'late', 'newer']) {
      const { phase, trusted, serviceAccountKey } = await start(server);
      expect([phase, trusted]).to.deep.equal(['stable', spreading.ca.certificatePem]);
      expect(serviceAccountKey).to.equal(first.serviceAccountKey);
    }
  });

  it('takes a step once, however many servers are told to, and none out of its order', async () => {
    const { store, make, start } = await setUp('once');
    const before = common(await start('a'));
    await rollIdentity(store, 'promote', make);
    await rollIdentity(store, 'finish', make);
    expect(common(await start('a'))).to.deep.equal(before);
    await Promise.all([rollIdentity(store, 'begin', make), rollIdentity(store, 'begin', make)]);
    const { trusted } = await start('a');
    expect(trusted.match(/BEGIN CERTIFICATE/g)).to.have.length(2);
    await rollIdentity(store, 'begin', make);
    expect((await start('b')).trusted).to.equal(trusted);
  });

  it('is new only once it was changed', async () => {
    const { store, make, start } = await setUp('newer');
    await start('a');
    const { revision } = (await newerIdentity(store, undefined)) ?? expect.fail();
    expect(await newerIdentity(store, revision)).to.equal(undefined);
    await rollIdentity(store, 'begin', make);
    expect((await newerIdentity(store, revision))?.identity).to.have.property('next');
  });

  it('never replaces the keys of another cluster', async () => {
    const [one, other] = [await setUp('one'), await setUp('other')];
    await one.start('a');
    await other.start('a');
    const found = (await newerIdentity(other.store, undefined)) ?? expect.fail();
    const own = await ensureServerPki({
      ...{ env, directory: '/one/a', caName: 'hub' },
      ...{ dnsNames: ['hub'], ipAddresses: [] },
    });
    const refused = adoptIdentity(found.identity, { env, directory: '/one/a' });
    expect(String(await refused.catch((error: unknown) => error))).to.match(
      /\/one\/a\/ca\.key is not that of the servers that share this etcd: .*--data-dir/,
    );
    expect(common(await one.start('a'))).to.deep.equal(common(own));
  });

  const damages: [what: string, value: string, says: RegExp][] = [
    ['no JSON', '{', /damaged: it is no JSON/],
    ['half of it', '{"format":1,"issuer":"x"}', /damaged: something in it is missing/],
    ['a newer form', '{"format":3}', /has format 3; this server knows 2 at most: use the newer version/],
  ];
  for (const [what, text, says] of damages) {
    it(`is not guessed when it is ${what}`, async () => {
      const store = createMemoryStore();
      const value = Buffer.from(text);
      await store.write({ type: 'put', key: sharedIdentityKey, value, expected: 0n as Revision });
      expect(String(await newerIdentity(store, undefined).catch((error: unknown) => error))).to.match(says);
    });
  }
});
