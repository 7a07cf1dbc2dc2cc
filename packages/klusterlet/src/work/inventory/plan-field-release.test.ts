import {
  applyMergePatch,
  isObject,
  type JsonObject,
  type KubeObject,
  type UpdateStrategy,
} from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { type Claim, planFieldRelease } from './plan-field-release.js';

const update: UpdateStrategy = { type: 'Update' };
const apply = (fieldManager?: string): UpdateStrategy => ({
  type: 'ServerSideApply',
  serverSideApply: { ...(fieldManager && { fieldManager }) },
});
const dataOf = (...names: readonly string[]) => ({
  'f:data': { '.': {}, ...Object.fromEntries(names.map((name) => [`f:${name}`, {}])) },
});
const entry = (manager: string, operation: 'Apply' | 'Update', fieldsV1: object) => ({
  manager,
  operation,
  apiVersion: 'v1',
  fieldsType: 'FieldsV1',
  fieldsV1,
});

type Data = Readonly<Record<string, string>>;
const configMap = (data: Data, managedFields?: readonly object[]): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'd', ...(managedFields && { managedFields: managedFields as never }) },
  data,
});
const claim = (data: Data, strategy: UpdateStrategy = update): Claim => ({
  manifest: configMap(data),
  strategy,
});

/** The data that is left, or undefined when nothing is written at all. */
function left(live: KubeObject, leaving: readonly Claim[], staying: readonly Claim[]): unknown {
  const plan = planFieldRelease(live, { leaving, staying });
  return plan && (applyMergePatch(live, plan.body) as KubeObject)['data'];
}

describe('planning the release of fields', () => {
  const both = { mine: '1', ours: '2', theirs: '3' };
  const mine = claim({ mine: '1', ours: '2' });
  const theirs = claim({ ours: '2', theirs: '3' });

  it('takes what only the leaving work has written, and nothing else', () => {
    const live = configMap(both, [entry('work-agent', 'Update', dataOf('mine', 'ours', 'theirs'))]);
    expect(left(live, [mine], [theirs])).to.deep.equal({ ours: '2', theirs: '3' });
  });

  for (const type of ['CreateOnly', 'ReadOnly'] as const) {
    it(`writes nothing for a leaving work whose strategy is ${type}`, () => {
      const live = configMap(both, [entry('work-agent', 'Update', dataOf('mine', 'ours'))]);
      expect(left(live, [claim({ mine: '1' }, { type })], [theirs])).to.equal(undefined);
    });
  }

  it('leaves what another work has once created, but not what another work only reads', () => {
    const live = configMap(both, [entry('work-agent', 'Update', dataOf('mine', 'ours'))]);
    const same = { mine: '1' };
    expect(left(live, [mine], [theirs, claim(same, { type: 'CreateOnly' })])).to.equal(undefined);
    expect(left(live, [mine], [theirs, claim(same, { type: 'ReadOnly' })])).to.not.have.property('mine');
  });

  it('leaves a field that somebody else has taken over, or has too', () => {
    const foreign = entry('kubectl-edit', 'Update', { 'f:data': { 'f:mine': {} } });
    const live = configMap(both, [entry('work-agent', 'Update', dataOf('ours', 'theirs')), foreign]);
    expect(left(live, [mine], [theirs])).to.equal(undefined);
    const shared = configMap(both, [entry('work-agent', 'Update', dataOf('mine', 'ours')), foreign]);
    expect(left(shared, [mine], [theirs])).to.equal(undefined);
  });

  it('leaves everything when the account is missing or in another version', () => {
    expect(left(configMap(both), [mine], [theirs])).to.equal(undefined);
    const old = { ...entry('kubectl', 'Update', {}), apiVersion: 'v0' };
    const live = configMap(both, [entry('work-agent', 'Update', dataOf('mine')), old]);
    expect(left(live, [mine], [theirs])).to.equal(undefined);
  });

  it('takes earlier manifests of the leaving work for its own', () => {
    const live = configMap({ ...both, older: '0' }, [
      entry('work-agent', 'Update', dataOf('mine', 'ours', 'theirs', 'older')),
    ]);
    expect(left(live, [mine, claim({ older: '0' })], [theirs])).to.deep.equal({ ours: '2', theirs: '3' });
  });

  it('ends the account of a server-side applier that nobody is any more', () => {
    const live = configMap(both, [
      entry('work-agent-a', 'Apply', { 'f:data': { 'f:mine': {}, 'f:ours': {} } }),
      entry('work-agent-b', 'Apply', { 'f:data': { 'f:ours': {}, 'f:theirs': {} } }),
    ]);
    const leaving = [claim({ mine: '1', ours: '2' }, apply('work-agent-a'))];
    const plan = planFieldRelease(live, {
      leaving,
      staying: [claim({ ours: '2', theirs: '3' }, apply('work-agent-b'))],
    });
    expect(plan?.body).to.deep.equal({ data: { mine: null } });
    expect(plan?.managedFields?.map(({ manager }) => manager)).to.deep.equal(['work-agent-b']);
  });

  it('keeps the account of a server-side applier that another work is too', () => {
    const live = configMap(both, [
      entry('work-agent', 'Apply', { 'f:data': { 'f:mine': {}, 'f:ours': {}, 'f:theirs': {} } }),
    ]);
    const leaving = [claim({ mine: '1', ours: '2' }, apply())];
    const plan = planFieldRelease(live, { leaving, staying: [claim({ ours: '2', theirs: '3' }, apply())] });
    expect(plan).to.deep.equal({ body: { data: { mine: null } }, managedFields: undefined });
  });

  it('hands what a server-side applier had over to a work that writes whole objects and wants it too', () => {
    const live = configMap(both, [
      entry('work-agent-a', 'Apply', { 'f:data': { 'f:mine': {}, 'f:ours': {} } }),
      entry('work-agent', 'Update', dataOf('theirs')),
    ]);
    const leaving = [claim({ mine: '1', ours: '2' }, apply('work-agent-a'))];
    const plan = planFieldRelease(live, { leaving, staying: [theirs] });
    expect(plan?.body).to.deep.equal({ data: { mine: null } });
    expect(plan?.managedFields).to.deep.equal([entry('work-agent', 'Update', dataOf('theirs', 'ours'))]);
  });

  it('takes items of lists as the server tells them apart', () => {
    const deployment = (containers: readonly object[], labels: object): KubeObject => ({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web', labels: labels as Record<string, string> },
      spec: { template: { spec: { containers } } },
    });
    const item = (...fields: readonly string[]) => ({
      '.': {},
      ...Object.fromEntries(
        ['name', 'image', 'terminationMessagePath', ...fields].map((name) => [`f:${name}`, {}]),
      ),
    });
    const main = { name: 'main', image: 'x', terminationMessagePath: '/dev/termination-log' };
    const live = deployment(
      [
        { ...main, tty: true },
        { ...main, name: 'side' },
        { ...main, name: 'injected' },
      ],
      { mine: 'yes', ours: 'yes' },
    );
    const fields = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:mine': {}, 'f:ours': {} } },
      'f:spec': {
        'f:template': {
          'f:spec': {
            'f:containers': { 'k:{"name":"main"}': item('tty'), 'k:{"name":"side"}': item() },
          },
        },
      },
    };
    live.metadata.managedFields = [
      { ...entry('work-agent', 'Update', fields), apiVersion: 'apps/v1' },
    ] as never;
    const leaving = deployment(
      [
        { name: 'main', image: 'x', tty: true },
        { name: 'side', image: 'x' },
      ],
      {
        mine: 'yes',
        ours: 'yes',
      },
    );
    const staying = deployment([{ name: 'main', image: 'x' }], { ours: 'yes' });
    const plan = planFieldRelease(live, {
      leaving: [{ manifest: leaving, strategy: update }],
      staying: [{ manifest: staying, strategy: update }],
    });
    expect(plan?.body).to.deep.equal({
      metadata: { labels: { mine: null } },
      spec: { template: { spec: { containers: [main, { ...main, name: 'injected' }] } } },
    });
  });

  it('leaves every field that anybody else sets or has, whatever the works are', () => {
    const key = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f');
    const keys = fc.uniqueArray(key);
    const strategy = fc.constantFrom<UpdateStrategy>(update, apply(), apply('work-agent-x'), {
      type: 'CreateOnly',
    });
    const someone = fc.record({ keys, strategy });
    fc.assert(
      fc.property(
        fc.array(someone),
        fc.array(someone),
        keys,
        keys,
        keys,
        (leavers, stayers, foreign, updated, applied) => {
          const all = ['a', 'b', 'c', 'd', 'e', 'f'];
          const toClaim = (each: {
            readonly keys: readonly string[];
            readonly strategy: UpdateStrategy;
          }): Claim => claim(Object.fromEntries(each.keys.map((name) => [name, '1'])), each.strategy);
          const live = configMap(Object.fromEntries(all.map((name) => [name, '1'])), [
            entry('kubectl', 'Update', dataOf(...foreign)),
            entry('work-agent', 'Update', dataOf(...updated)),
            entry('work-agent-x', 'Apply', dataOf(...applied)),
          ]);
          const rest = left(live, leavers.map(toClaim), stayers.map(toClaim)) ?? live['data'];
          const kept = new Set<string>([...foreign, ...stayers.flatMap((each) => each.keys)]);
          const known = new Set<string>([...updated, ...applied]);
          for (const name of all) {
            const mayGo = !kept.has(name) && known.has(name);
            if (!mayGo) expect(isObject(rest) && (rest as JsonObject)[name], name).to.equal('1');
          }
        },
      ),
    );
  });
});
