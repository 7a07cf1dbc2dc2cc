import { hasReason, type KubeObject, newNotFound } from '@flotilla/api';
import { getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { readingFrom } from './own-reads.js';

const key = { namespace: 'kube-system', name: 'bootstrap-token-abcdef' };
const secret: KubeObject = { apiVersion: 'v1', kind: 'Secret', metadata: { ...key, resourceVersion: '7' } };

/** A server that counts the requests it gets. */
function serverWith(objects: readonly KubeObject[]) {
  const asked: string[] = [];
  const client = {
    get: (ref, { name }, options) => {
      asked.push([ref.resource, name, options?.subresource].join(' '));
      return Promise.resolve({ apiVersion: `${ref.group}/${ref.version}`, metadata: { name } });
    },
  } as Partial<KubeClient> as KubeClient; // nothing else is asked of it
  const own = {
    get: (_: unknown, { namespace, name }: { namespace?: string; name: string }) =>
      objects.find(({ metadata }) => metadata.name === name && metadata.namespace === namespace),
  };
  return { asked, client: readingFrom(client, own) };
}

describe('reads of the hub itself', () => {
  it('are answered from its cache, whether the object is there or not', async () => {
    const { asked, client } = serverWith([secret]);
    expect(await client.get(wellKnown.secrets, key)).to.equal(secret);
    expect(await getIfThere(client, wellKnown.secrets, { ...key, name: 'none' })).to.equal(undefined);
    const failure: unknown = await client
      .get(wellKnown.secrets, { ...key, name: 'none' })
      .catch((error: unknown) => error);
    expect(hasReason(failure, 'NotFound')).to.equal(true);
    expect((failure as Error).message).to.equal(
      newNotFound({ group: '', resource: 'secrets', name: 'none' }).message,
    );
    expect(asked).to.deep.equal([]);
  });

  it('are requests for a subresource, and for another version than the one that is kept', async () => {
    const cluster = { apiVersion: 'cluster.open-cluster-management.io/v1beta1', kind: 'ManagedCluster' };
    const { asked, client } = serverWith([{ ...cluster, metadata: { name: 'c1' } }]);
    await client.get(wellKnown.managedClusters, { name: 'c1' });
    await client.get(wellKnown.managedClusters, { name: 'c1' }, { subresource: 'status' });
    expect(asked).to.deep.equal(['managedclusters c1 ', 'managedclusters c1 status']);
  });
});
