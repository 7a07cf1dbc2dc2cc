import { expect } from 'chai';
import type { Item, Strategy } from '../items.js';
import { toWork } from '../items.js';
import type { Expectation } from './expectation.js';
import { FleetModel } from './fleet-model.js';

const configMap = (name: string, strategy: Strategy = 'Update'): Item => ({
  kind: 'configmap',
  name,
  strategy,
});
const keyOf = (name: string): string => `/registry/core/configmaps/default/${name}`;

/** A fleet of one cluster in which editions were applied one after the other, all of them acknowledged. */
class Fleet {
  readonly model: FleetModel;
  readonly #generations = new Map<string, number>();
  #edition = 0;

  constructor(minor = 24) {
    this.model = new FleetModel([{ name: 'c1', minor }]);
  }

  apply(name: string, items: readonly Item[], { orphan = false } = {}): this {
    const plan = { cluster: 'c1', name, orphan, items };
    const edition = this.model.editions.add({ token: `${name}.${++this.#edition}`, plan });
    const generation = (this.#generations.get(name) ?? 0) + 1;
    this.#generations.set(name, generation);
    const request = this.model.hub.begin(`c1/${name}`, { do: 'apply', edition });
    const { spec } = toWork(plan, edition.token);
    const version = String(this.#edition);
    const seen = { uid: name, generation, isGoing: false, spec, label: undefined, isPlan: false, version };
    expect(this.model.hub.answered(request, seen)).to.equal(undefined);
    return this;
  }

  /** Removed, and let go by its klusterlet. */
  remove(name: string): this {
    this.model.hub.answered(this.model.hub.begin(`c1/${name}`, { do: 'remove' }));
    const works = this.model.hub.worksOf('c1');
    expect(works.get(name)).to.include({ is: 'going' });
    this.#generations.delete(name);
    return this;
  }

  expect(since: Readonly<Record<string, string>> = {}): Expectation {
    const expected = this.model.expect('c1', (work) => since[work] ?? '~');
    if (typeof expected === 'string') throw new Error(expected);
    return expected;
  }
}

describe('model of a fleet', () => {
  it('asks for each object with its fields and its owner, for an inventory, and for a status', () => {
    const expected = new Fleet().apply('alpha', [configMap('alpha-x')]).expect();
    const object = expected.objects.get(keyOf('alpha-x'));
    expect(object?.owners).to.deep.equal(['alpha']);
    expect(object?.manifest).to.deep.include({ data: { value: 'alpha.1', 'from-alpha.1': 'yes' } });
    const work = expected.works.get('alpha');
    expect(work).to.deep.include({ generation: 1, isApplied: true, label: undefined });
    expect([...(work?.inventory ?? [])]).to.deep.equal([[keyOf('alpha-x'), 'v1']]);
  });

  it('asks for nothing while it is not certain what the hub has, and while a work is going', () => {
    const fleet = new Fleet().apply('alpha', [configMap('alpha-x')]);
    fleet.model.hub.begin('c1/alpha', { do: 'label', value: 'v1' });
    expect(fleet.model.expect('c1', () => '')).to.equal('work c1/alpha: a request is under way');
    const other = new Fleet().apply('alpha', [configMap('alpha-x')]).remove('alpha');
    expect(other.model.expect('c1', () => '')).to.equal('work c1/alpha: still being deleted');
  });

  it('wants what a work does not name any more to be gone', () => {
    const expected = new Fleet()
      .apply('alpha', [configMap('alpha-x'), configMap('foreign-read', 'ReadOnly')])
      .apply('alpha', [configMap('alpha-y')])
      .expect();
    expect([...expected.absent]).to.deep.equal([keyOf('alpha-x')]);
    expect(expected.mayStay(keyOf('alpha-x'), 'u1')).to.equal(undefined);
    expect([...expected.objects.keys()]).to.deep.equal([keyOf('alpha-y')]);
  });

  const reasons: readonly [why: string, happen: (fleet: Fleet) => void, other: string | undefined][] = [
    ['disowned', ({ model }) => model.cluster('c1').disowned(keyOf('alpha-x'), 'u1'), undefined],
    ['replaced', ({ model }) => model.cluster('c1').replaced(keyOf('alpha-x'), 'u1'), undefined],
    ['kept', ({ model }) => model.cluster('c1').kept([[keyOf('alpha-x'), 'u1']]), undefined],
    ['foreign', ({ model }) => model.cluster('c1').planted(keyOf('alpha-x'), 'u1'), undefined],
    [
      'orphaned',
      (fleet) => fleet.apply('alpha', [configMap('alpha-x')], { orphan: true }).apply('alpha', []),
      'orphaned',
    ],
  ];
  for (const [why, happen, other] of reasons) {
    it(`lets an object stay that is ${why}, and ${other ? 'any other' : 'no other'} of its name`, () => {
      const fleet = new Fleet().apply('alpha', [configMap('alpha-x')]).apply('alpha', []);
      happen(fleet);
      const expected = fleet.expect();
      expect(expected.mayStay(keyOf('alpha-x'), 'u1')).to.equal(why);
      expect(expected.mayStay(keyOf('alpha-x'), 'u2')).to.equal(other);
    });
  }

  it('forgets what happened to a cluster that is made anew', () => {
    const fleet = new Fleet().apply('alpha', [configMap('alpha-x')]).apply('alpha', []);
    fleet.model.cluster('c1').disowned(keyOf('alpha-x'), 'u1');
    fleet.model.cluster('c1').planted(keyOf('foreign-read'), 'u2');
    fleet.model.cluster('c1').rebuilt();
    const expected = fleet.expect();
    expect(expected.mayStay(keyOf('alpha-x'), 'u1')).to.equal(undefined);
    expect(expected.foreign.size).to.equal(0);
  });

  it('gives a quarrel to the oldest inventory, and among equals to the first name; all own the object', () => {
    const fleet = new Fleet().apply('beta', [configMap('shared-1')]).apply('alpha', [configMap('shared-1')]);
    for (const [since, winner, loser] of [
      [{ alpha: '2', beta: '1' }, 'beta', 'alpha'],
      [{ alpha: '1', beta: '1' }, 'alpha', 'beta'],
      [{ alpha: '1' }, 'alpha', 'beta'],
    ] as const) {
      const { objects, works } = fleet.expect(since);
      const object = objects.get(keyOf('shared-1'));
      expect(object).to.deep.include({ winner, owners: ['alpha', 'beta'] });
      expect(works.get(winner)?.isApplied).to.equal(true);
      expect(works.get(loser)?.isApplied).to.equal(false);
    }
  });

  it('knows which fields may be left of others and of earlier editions', () => {
    const fleet = new Fleet()
      .apply('alpha', [configMap('shared-1'), configMap('alpha-x', 'CreateOnly')])
      .apply('beta', [configMap('shared-1')])
      .apply('gamma', [configMap('shared-1')])
      .apply('gamma', [])
      .apply('alpha', [configMap('shared-1'), configMap('alpha-x')]);
    fleet.model.cluster('c1').kept([[keyOf('shared-1'), 'kept']]);
    const { objects } = fleet.expect({ alpha: '1', beta: '2' });
    const shared = objects.get(keyOf('shared-1'));
    const may = (field: string, uid = 'u1'): boolean | undefined => shared?.mayHave(field, uid);
    expect(may('from-beta.2')).to.equal(true); // it claims the object, too
    expect(may('from-gamma.3')).to.equal(false); // it does not any more
    expect(may('from-alpha.1')).to.equal(false); // an earlier edition of the winner
    expect(may('from-gamma.3', 'kept')).to.equal(true); // from before a leave that kept it
    expect(may('of somebody else')).to.equal(true);
    // It was only created by an earlier strategy.
    expect(objects.get(keyOf('alpha-x'))?.mayHave('from-alpha.1', 'u1')).to.equal(true);
  });

  it('asks nothing of the fields of what is only created, and nothing at all of what is only read', () => {
    const { objects, works } = new Fleet()
      .apply('alpha', [configMap('alpha-x', 'CreateOnly'), configMap('foreign-read', 'ReadOnly')])
      .expect();
    expect(objects.get(keyOf('alpha-x'))?.manifest).to.equal(undefined);
    expect(objects.has(keyOf('foreign-read'))).to.equal(false);
    expect(works.get('alpha')).to.include({ isApplied: true });
    expect(works.get('alpha')?.inventory.has(keyOf('foreign-read'))).to.equal(true);
  });

  it('lets only editions change an object that hold it to what they say', () => {
    const { editions } = new Fleet()
      .apply('alpha', [configMap('alpha-x', 'CreateOnly'), configMap('alpha-y', 'ServerSideApply')])
      .apply('alpha', [configMap('alpha-x')]).model;
    for (const [token, name, may] of [
      ['alpha.1', 'alpha-x', false],
      ['alpha.1', 'alpha-y', true],
      ['alpha.2', 'alpha-x', true],
      ['drift.1', 'alpha-x', true],
    ] as const) {
      expect(editions.mayWrite(token, keyOf(name)), `${token} ${name}`).to.equal(may);
    }
  });

  it('wants no owner for what is to be orphaned', () => {
    const { objects } = new Fleet().apply('alpha', [configMap('alpha-x')], { orphan: true }).expect();
    expect(objects.get(keyOf('alpha-x'))?.owners).to.deep.equal([]);
  });

  for (const [minor, version] of [
    [20, 'batch/v1beta1'],
    [24, 'batch/v1beta1'],
    [25, 'batch/v1'],
    [35, 'batch/v1'],
  ] as const) {
    it(`has a cron job in ${version} in a cluster of 1.${minor}, and both versions in the status`, () => {
      const fleet = new Fleet(20).apply('alpha', [{ kind: 'cronjob', name: 'alpha-x', strategy: 'Update' }]);
      fleet.model.cluster('c1').minor = minor;
      const work = fleet.expect().works.get('alpha');
      expect([...(work?.inventory.values() ?? [])]).to.deep.equal([version]);
      expect(work?.manifests.map(({ apiVersion }) => apiVersion)).to.deep.equal([
        'batch/v1beta1',
        'batch/v1',
      ]);
    });
  }
});
