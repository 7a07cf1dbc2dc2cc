import type { KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../authentication/testing/api-server.js';
import { createRoleAggregator } from './role-aggregation.js';
import { role } from './testing/rbac.js';

const get = { verbs: ['get'], apiGroups: [''], resources: ['pods'] };
const list = { verbs: ['list'], apiGroups: [''], resources: ['pods'] };

function labelled(object: KubeObject, label: string): KubeObject {
  return { ...object, metadata: { ...object.metadata, labels: { [label]: 'true' } } };
}

function aggregate(name: string, label: string): KubeObject {
  return {
    ...role(name),
    aggregationRule: { clusterRoleSelectors: [{ matchLabels: { [label]: 'true' } }] },
  };
}

describe('createRoleAggregator', () => {
  let api: TestApi;
  let stop: () => Promise<void>;
  beforeEach(async () => {
    api = await startTestApi();
    const abort = new AbortController();
    const aggregator = createRoleAggregator({ client: api.root, env: api.env });
    aggregator.start(abort.signal);
    stop = async () => {
      abort.abort();
      await aggregator.close();
      await api.close();
    };
  });
  afterEach(() => stop());

  const rulesOf = async (name: string): Promise<unknown> => {
    await api.env.clock.advance(1000);
    const found: KubeObject = await api.root.get(wellKnown.clusterRoles, { name });
    return found['rules'] ?? [];
  };
  const make = (object: KubeObject): Promise<KubeObject> => api.root.create(wellKnown.clusterRoles, object);

  it('follows the roles that are selected, over several levels', async () => {
    await make(aggregate('top', 'to-top'));
    await make(labelled(aggregate('middle', 'to-middle'), 'to-top'));
    expect(await rulesOf('top')).to.deep.equal([]);
    const leaf = await make(labelled(role('leaf', get), 'to-middle'));
    expect(await rulesOf('top')).to.deep.equal([get]);
    await api.root.update(wellKnown.clusterRoles, { ...leaf, rules: [get, list] });
    expect(await rulesOf('top')).to.deep.equal([get, list]);
    await api.root.delete(wellKnown.clusterRoles, { name: 'leaf' });
    expect(await rulesOf('middle')).to.deep.equal([]);
    expect(await rulesOf('top')).to.deep.equal([]);
  });

  it('forgets a role whose label goes, and takes in one that gets it', async () => {
    await make(aggregate('top', 'to-top'));
    const leaf = await make(labelled(role('leaf', get), 'to-top'));
    expect(await rulesOf('top')).to.deep.equal([get]);
    const bare = { ...leaf, metadata: { ...leaf.metadata, labels: {} } };
    const without = await api.root.update(wellKnown.clusterRoles, bare);
    expect(await rulesOf('top')).to.deep.equal([]);
    await api.root.update(wellKnown.clusterRoles, labelled(without, 'to-top'));
    expect(await rulesOf('top')).to.deep.equal([get]);
  });

  it('sets right what somebody wrote into an aggregated role', async () => {
    await make(labelled(role('leaf', get), 'to-top'));
    const top = await make(aggregate('top', 'to-top'));
    expect(await rulesOf('top')).to.deep.equal([get]);
    const seen: KubeObject = await api.root.get(wellKnown.clusterRoles, { name: 'top' });
    await api.root.update(wellKnown.clusterRoles, { ...seen, rules: [list] });
    expect(await rulesOf('top')).to.deep.equal([get]);
    expect(top.metadata.uid).to.equal(seen.metadata.uid);
  });
});
