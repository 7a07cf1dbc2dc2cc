import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { noControllers } from '../controllers/controller-selection.js';
import { ref, startTestCluster, type TestCluster } from '../controllers/testing/test-cluster.js';

const nodes = { ...ref('', 'v1', 'nodes'), namespaced: false };

describe('the status that a new object comes with', () => {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'cluster', controllers: noControllers });
  });

  afterEach(() => cluster.close());

  it('stays on a Node, as a kubelet registers itself whole, and only there', async () => {
    const status = { capacity: { cpu: '32', memory: '64Gi' }, allocatable: { cpu: '16e0' } };
    const node = await cluster.make(nodes, { metadata: { name: 'n' }, status });
    expect(node['status']).to.deep.include({ ...status, allocatable: { cpu: '16' } });

    const metadata = { namespace: 'default', name: 'b' };
    const budget = await cluster.make(ref('policy', 'v1', 'poddisruptionbudgets'), {
      metadata,
      spec: { minAvailable: 1, selector: {} },
      status: { currentHealthy: 7 },
    });
    expect(budget['status']).to.deep.include({ currentHealthy: 0 });
    const namespace = await cluster.make(wellKnown.namespaces, {
      metadata: { name: 'ns' },
      status: { phase: 'Terminating' },
    });
    expect(namespace['status']).to.deep.equal({ phase: 'Active' });
  });

  it('of a Node is not changed by an update of the Node itself', async () => {
    await cluster.make(nodes, { metadata: { name: 'n' }, status: { capacity: { cpu: '1' } } });
    const body = { spec: { unschedulable: true }, status: { capacity: { cpu: '2' } } };
    const changed = await cluster.client.patch(nodes, { name: 'n' }, { type: 'merge', body });
    expect(changed['spec']).to.deep.include({ unschedulable: true });
    expect(changed['status']).to.deep.include({ capacity: { cpu: '1' } });
  });
});
