/** For tests: a stand-in cluster for each test, and short ways to make and look at workloads in it. */
import type { JsonObject, KubeObject } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { objectsAt, textAt } from '../../builtin/access.js';
import { startTestCluster, type TestCluster } from './test-cluster.js';

export const labels = { app: 'web' };
export const web = { namespace: 'default', name: 'web' };

export function template(image = 'web:1', spec: JsonObject = {}) {
  return { metadata: { labels }, spec: { containers: [{ name: 'c', image }], ...spec } };
}

export function workload(spec: JsonObject = {}) {
  return { metadata: web, spec: { selector: { matchLabels: labels }, template: template(), ...spec } };
}

export function condition(object: KubeObject | undefined, type: string): string {
  const found = objectsAt(object, 'status', 'conditions').find((one) => one['type'] === type);
  return `${textAt(found, 'status')} ${textAt(found, 'reason')}`;
}

/** Starts a cluster before each test of the suite; nothing that its loops did may have failed when it ends. */
export function useStandInCluster() {
  let cluster: TestCluster;

  beforeEach(async () => {
    cluster = await startTestCluster({ profile: 'cluster' });
  });

  afterEach(async () => {
    const { log } = cluster.env;
    expect([...log.find('reconcile failed'), ...log.find('informer handler failed')]).to.deep.equal([]);
    await cluster.close();
  });

  const list = async (at: ResourceRef): Promise<KubeObject[]> =>
    (await cluster.client.list<KubeObject>(at)).items;
  return {
    get cluster(): TestCluster {
      return cluster;
    },
    get: (at: ResourceRef, name = 'web'): Promise<KubeObject | undefined> => cluster.find(at, name),
    list,
    images: async (): Promise<string[]> =>
      (await list(wellKnown.pods))
        .map((pod) => textAt(objectsAt(pod, 'spec', 'containers')[0], 'image'))
        .sort(),
    change: (at: ResourceRef, body: JsonObject): Promise<KubeObject> =>
      cluster.client.patch<KubeObject>(at, web, { type: 'merge', body }),
  };
}
