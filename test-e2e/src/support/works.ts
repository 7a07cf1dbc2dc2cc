/** Clusters and works on a test server that has the CRDs of the hub. */
import { expect } from 'chai';
import type { TestServer } from './server.js';

export const works = '/apis/work.open-cluster-management.io/v1/namespaces';
export const clusters = '/apis/cluster.open-cluster-management.io/v1/managedclusters';
export const lastTransitionTime = '2026-01-02T03:04:05Z';

export async function installCrds(server: TestServer): Promise<void> {
  await server.k('apply', '-f', 'deploy/crds');
  await server.k('wait', '--for=condition=Established', 'crd', '--all', '--timeout=20s');
}

/** A fresh namespace with a work `w` in it. */
export async function withWork(server: TestServer): Promise<string> {
  const namespace = await server.namespace('cluster');
  await server.create(`${works}/${namespace}/manifestworks`, manifestWork('w'));
  return namespace;
}

export function workPath(namespace: string, name = 'w'): string {
  return `${works}/${namespace}/manifestworks/${name}`;
}

/** Writes the condition as a klusterlet would. */
export async function setApplied(
  server: TestServer,
  namespace: string,
  status: 'True' | 'False',
): Promise<void> {
  const condition = { type: 'Applied', status, reason: 'Test', message: '', lastTransitionTime };
  const answer = await server.patch(`${workPath(namespace)}/status`, 'merge', {
    status: { conditions: [condition] },
  });
  expect(answer.status, answer.text).to.equal(200);
}

export function manifestWork(name: string, metadata: object = {}) {
  const manifest = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'one', namespace: 'default' },
    data: { k: 'v' },
  };
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name, ...metadata },
    spec: { workload: { manifests: [manifest] } },
  };
}

export function managedCluster(name: string) {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name },
    spec: { hubAcceptsClient: false },
  };
}
