/** A hub that is silent in the middle of something: whoever waits for its word keeps nobody else from his work. */
import { planAnnotation } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  clusterName,
  conditionsOf,
  configMap,
  createWork,
  createWorld,
  eventually,
  find,
  getWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const names = ['a', 'b', 'staying'];

describe('work agent, a hub that falls silent', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent({ workConcurrency: 2 });
    for (const name of names) await createWork(world, work(name, [configMap(name, { x: '1' })]));
    for (const name of names) await untilCondition(world, name, { type: 'Applied' });
    await settle(world, 2000);
    // What it shows still comes; what it is asked is lost.
    world.network.cut('hub', 'drop requests');
  });
  afterEach(() => world.close());

  const at = (name: string) => ({ namespace: 'default', name });
  const isThere = async (name: string): Promise<boolean> =>
    (await find(world.managed, wellKnown.configMaps, at(name))) !== undefined;

  /** Somebody changes an object of the work that stays, and time passes in which no request is given up. */
  async function expectCorrection(): Promise<void> {
    const body = { data: { x: 'drift' } };
    await world.managed.patch(wellKnown.configMaps, at('staying'), { type: 'merge', body });
    await settle(world, 500);
    const { data } = await world.managed.get<{ data?: Record<string, string> }>(
      wellKnown.configMaps,
      at('staying'),
    );
    expect(data).to.deep.equal({ x: '1' });
  }

  it('does not keep drift from being corrected while works wait to be taken away', async () => {
    for (const name of ['a', 'b'])
      await world.hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    await settle(world, 500);
    expect(await isThere('a')).to.equal(true);
    await expectCorrection();
    world.network.heal('hub');
    for (const name of ['a', 'b']) {
      await eventually(world, async () => (await getWork(world, name)) === undefined);
      expect(await isThere(name)).to.equal(false);
    }
    expect(await isThere('staying')).to.equal(true);
  });

  it('asks it once why works go, however many do', async () => {
    const asked = (): number => world.network.requests('hub');
    const before = asked();
    for (const name of ['a', 'b'])
      await world.hub.delete(wellKnown.manifestWorks, { namespace: clusterName, name });
    await settle(world, 500);
    // One status for each of them, that it is being deleted, and one question.
    expect(asked() - before).to.equal(3);
  });

  it('does not keep drift from being corrected while it is told what works would do', async () => {
    for (const name of ['p', 'q']) {
      const { metadata, ...rest } = work(name, [configMap(name)]);
      await createWork(world, {
        ...rest,
        metadata: { ...metadata, annotations: { [planAnnotation]: 'true' } },
      });
    }
    await settle(world, 500);
    await expectCorrection();
    world.network.heal('hub');
    for (const name of ['p', 'q']) {
      await eventually(world, async () => conditionsOf(await getWork(world, name))['Planned'] === 'True');
      expect(await isThere(name)).to.equal(false);
    }
  });
});
