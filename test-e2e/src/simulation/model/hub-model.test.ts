import { expect } from 'chai';
import { toWork, type WorkPlan } from '../items.js';
import { HubModel } from './hub-model.js';
import type { SeenWork } from './work-model.js';

const plan: WorkPlan = { cluster: 'c1', name: 'alpha', orphan: false, items: [] };
const edition = { token: 'alpha.1', plan };
const seen: SeenWork = {
  uid: 'u1',
  generation: 1,
  isGoing: false,
  spec: toWork(plan, 'alpha.1').spec,
  label: undefined,
  isPlan: false,
  version: '1',
};

function withWork(): HubModel {
  const hub = new HubModel();
  const request = hub.begin('c1/alpha', { do: 'apply', edition });
  expect(hub.answered(request, seen)).to.equal(undefined);
  return hub;
}

describe('model of a hub', () => {
  it('names the work that is wrong, and works that nobody asked for', () => {
    const hub = withWork();
    expect(hub.look(new Map([['c1/alpha', seen]]))).to.deep.equal([]);
    const wrong = hub.look(new Map([['c1/beta', seen]]));
    expect(wrong).to.have.length(2);
    expect(wrong[0]).to.match(/^work c1\/alpha: the hub has no such work/);
    expect(wrong[1]).to.equal('work c1/beta: nobody has asked for it');
  });

  it('tells the works of a cluster, and of which it is not certain', () => {
    const hub = withWork();
    hub.begin('c1/beta', { do: 'apply', edition: { ...edition, token: 'beta.2' } });
    hub.begin('c10/alpha', { do: 'apply', edition });
    const works = hub.worksOf('c1');
    expect([...works.keys()]).to.deep.equal(['alpha', 'beta']);
    expect(works.get('alpha')).to.include({ is: 'live', uid: 'u1' });
    expect(works.get('beta')).to.equal(undefined);
  });

  it('knows which labels a cluster may have', () => {
    const hub = new HubModel();
    const may = (value: string | undefined): boolean => hub.mayBeLabelled('c1', value);
    expect([may(undefined), may('v1')]).to.deep.equal([true, false]);
    const acknowledge = hub.labelCluster('c1', 'v1');
    expect([may(undefined), may('v1')]).to.deep.equal([true, true]);
    acknowledge();
    expect([may(undefined), may('v1')]).to.deep.equal([false, true]);
  });

  it('goes back with its works and labels to a back-up, but for what is under way', () => {
    const hub = withWork();
    hub.labelCluster('c1', 'v1')();
    const then = hub.snapshot();
    hub.labelCluster('c1', 'v2')();
    const late = hub.labelCluster('c1', 'v3');
    hub.answered(hub.begin('c1/alpha', { do: 'remove' }));
    hub.restore(then);
    late();
    const labels = [undefined, 'v1', 'v2', 'v3'].map((value) => hub.mayBeLabelled('c1', value));
    expect(labels).to.deep.equal([false, true, false, true]);
    expect(hub.look(new Map([['c1/alpha', seen]]))).to.deep.equal([]);
    expect(hub.look(new Map())).to.have.length(1);
  });
});
