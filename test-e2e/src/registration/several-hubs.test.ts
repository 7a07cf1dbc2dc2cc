/** A klusterlet that knows two hubs and has one of them at a time. */
import { clusterCondition, findCondition, type ManagedCluster } from '@flotilla/api';
import { KlusterletState, moveTo } from '@flotilla/klusterlet';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { clusterName, type Hub, JoinWorld } from './join-world.js';

describe('a klusterlet with several hubs', () => {
  let world: JoinWorld;
  let first: Hub;
  let second: Hub;

  beforeEach(async () => {
    world = new JoinWorld({ hubs: 2, agent: { hubConnectionTimeoutSeconds: 30 } });
    const [one, two] = world.hubs;
    first = one ?? expect.fail();
    second = two ?? expect.fail();
    await world.start();
  });
  afterEach(() => {
    world.close();
    expect(world.failures).to.deep.equal([]);
  });

  const state = (): KlusterletState => new KlusterletState(world.klusterlet.files, '/data');
  const hubOf = async (): Promise<string | undefined> =>
    (await world.passing(state().readConfig()))?.hubServer;
  const candidate = async ({ process, ca }: Hub) => ({
    server: process.url,
    ca: ca.certificatePem,
    token: await world.token({ ...(process === first.process ? first : second) }),
  });

  async function joinWithBoth(): Promise<void> {
    await world.passing(world.klusterlet.configure(await world.token(first)));
    const hubs = [await candidate(first), await candidate(second)];
    await world.passing(state().writeHubs(hubs));
    world.klusterlet.start();
    await world.joined(first);
    expect(await hubOf()).to.equal(first.process.url);
  }

  const accept = ({ client }: Hub, hubAcceptsClient: boolean) =>
    world.passing(
      client.patch<ManagedCluster>(
        wellKnown.managedClusters,
        { name: clusterName },
        { type: 'merge', body: { spec: { hubAcceptsClient } } },
      ),
    );
  const askedBy = (hub: Hub): Promise<void> =>
    world.until('it asks the other hub', async () => (await world.seen(hub)).metadata.name === clusterName);

  it('moves to the second when the first denies it', async () => {
    await joinWithBoth();
    await accept(first, false);
    await askedBy(second);
    await world.joined(second);
    expect(await hubOf()).to.equal(second.process.url);
    // And back, with the credentials that it has kept.
    await accept(first, true);
    await accept(second, false);
    await world.until('it is back', async () => (await hubOf()) === first.process.url);
    await world.untilAvailable(first);
    const { items } = await world.passing(first.client.list(wellKnown.certificateSigningRequests));
    expect(items).to.have.length(1);
  });

  it('moves to the second when the first does not answer for long', async () => {
    await joinWithBoth();
    const agent = await world.file('hub/agent-name');
    first.process.crash();
    await world.clock.advance(20_000);
    expect(await hubOf()).to.equal(first.process.url);
    await askedBy(second);
    await world.joined(second);
    expect(await hubOf()).to.equal(second.process.url);
    expect(await world.file('hub/agent-name')).to.equal(agent);
    first.process.start();
    await world.clock.advance(120_000);
    expect(await hubOf()).to.equal(second.process.url);
  });

  it('stays with a hub that answers and has yet to accept it, and with a hub that is away when there is no other', async () => {
    await world.passing(world.klusterlet.configure(await world.token(first)));
    await world.passing(state().writeHubs([await candidate(first), await candidate(second)]));
    second.process.crash();
    world.klusterlet.start();
    await world.clock.advance(120_000);
    await world.joined(first);
    first.process.crash();
    await world.clock.advance(120_000);
    expect(await hubOf()).to.equal(first.process.url);
    first.process.start();
    await world.until('the hub is ready', async () => first.process.isReady);
    await world.until('it beats again', async () => {
      const available = findCondition(
        (await world.seen(first)).status?.conditions,
        clusterCondition.available,
      );
      return available?.status === 'True';
    });
  });

  it('moves to a new hub when it is told to, as the same agent', async () => {
    await world.join();
    await world.joined(first);
    const agent = await world.file('hub/agent-name');
    world.klusterlet.crash();
    const config = (await world.passing(state().readConfig())) ?? expect.fail();
    await world.passing(moveTo(await candidate(second), { state: state(), config }));
    world.klusterlet.revive();
    await askedBy(second);
    await world.joined(second);
    expect(await world.file('hub/agent-name')).to.equal(agent);
    await world.clock.advance(330_000);
    const left = findCondition((await world.seen(first)).status?.conditions, clusterCondition.available);
    expect(left?.status).to.equal('Unknown');
  });
});
