import { type AppliedManifestWork, type KubeObject, newNotFound, StatusError } from '@flotilla/api';
import type { KubeClient, ResourceRef, ServedResource } from '@flotilla/kube';
import { expect } from 'chai';
import { release } from './release.js';

const inventory: AppliedManifestWork = {
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'AppliedManifestWork',
  metadata: { name: 'hash-web', uid: 'ours' },
};
const resource = {
  group: 'batch',
  version: 'v1beta1',
  resource: 'cronjobs',
  name: 'job',
  namespace: 'd',
  uid: 'u',
};

function servedIn(version: string): ServedResource {
  return {
    group: 'batch',
    version,
    resource: 'cronjobs',
    namespaced: true,
    kind: 'CronJob',
  } as ServedResource; // what `release` looks at
}

/** A server that has the object in `serves` only, and answers other versions as servers answer unknown paths. */
function cluster(serves: string) {
  const owner = { apiVersion: inventory.apiVersion, kind: inventory.kind, name: 'hash-web', uid: 'ours' };
  let live: KubeObject | undefined = {
    apiVersion: `batch/${serves}`,
    kind: 'CronJob',
    metadata: { name: 'job', namespace: 'd', uid: 'u', ownerReferences: [owner] },
  };
  const client = {
    get: async (ref: ResourceRef) => {
      if (ref.version !== serves) {
        const message = 'the server could not find the requested resource: 404 page not found';
        throw new StatusError({
          kind: 'Status',
          apiVersion: 'v1',
          metadata: {},
          status: 'Failure',
          reason: 'NotFound',
          message,
          code: 404,
        });
      }
      if (live === undefined) throw newNotFound({ group: 'batch', resource: 'cronjobs', name: 'job' });
      return live;
    },
    delete: async () => {
      live = undefined;
    },
  };
  return { client: client as unknown as KubeClient, isThere: () => live !== undefined };
}

const { signal } = new AbortController();
/** Nobody else has these objects. */
const claims = () => undefined;

describe('release', () => {
  it('deletes the object in another version when the one it was applied in is not served any more', async () => {
    const { client, isThere } = cluster('v1');
    let known = servedIn('v1beta1');
    const discovery = {
      served: () => [known],
      refresh: async () => {
        known = servedIn('v1');
      },
    };
    const options = {
      client,
      actor: client,
      discovery,
      inventory,
      claims,
      keepUids: new Set<string>(),
      signal,
    };
    expect(await release(resource, options)).to.deep.equal({ state: 'gone' });
    expect(isThere()).to.equal(false);
  });

  it('does not take a path that is not served for the absence of the object', async () => {
    const { client } = cluster('v1');
    const discovery = { served: () => [servedIn('v1beta1')], refresh: async () => undefined };
    const options = {
      client,
      actor: client,
      discovery,
      inventory,
      claims,
      keepUids: new Set<string>(),
      signal,
    };
    const error = await release(resource, options).catch((each: unknown) => each);
    expect(String(error)).to.contain('are not served any more');
  });
});
