import type { ManagedCluster, ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { clusterRow, csrState, manifestRows, workRow } from './views.js';

const nowMs = Date.UTC(2026, 0, 1, 0, 1);
const creationTimestamp = '2026-01-01T00:00:00Z';

describe('what the hub command shows', () => {
  it('of a cluster', () => {
    const cluster = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1', creationTimestamp },
      spec: { hubAcceptsClient: true },
      status: {
        conditions: [
          {
            type: 'ManagedClusterJoined',
            status: 'True',
            reason: 'r',
            message: '',
            lastTransitionTime: creationTimestamp,
          },
        ],
        version: { kubernetes: 'v1.32.0' },
      },
    } as ManagedCluster;
    expect(clusterRow(cluster, nowMs)).to.deep.equal(['c1', 'true', 'True', '', 'v1.32.0', '60s']);
  });

  const work = (observedGeneration: number): ManifestWork =>
    ({
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name: 'w', namespace: 'c1', generation: 2, creationTimestamp },
      spec: { workload: { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap' }] } },
      status: {
        conditions: [
          {
            type: 'Applied',
            status: 'True',
            reason: 'r',
            message: '',
            lastTransitionTime: creationTimestamp,
            observedGeneration,
          },
        ],
        resourceStatus: {
          manifests: [
            {
              resourceMeta: {
                ordinal: 0,
                group: 'apps',
                version: 'v1',
                kind: 'Deployment',
                namespace: 'n',
                name: 'd',
              },
              conditions: [],
              statusFeedback: {
                values: [{ name: 'ReadyReplicas', fieldValue: { type: 'Integer', integer: 0 } }],
              },
            },
          ],
        },
      },
    }) as unknown as ManifestWork; // only what the views read

  it('of a work, and says when a condition is of an older generation', () => {
    expect(workRow(work(2), nowMs)).to.deep.equal(['c1', 'w', '1', 'True', '', '', '60s']);
    expect(workRow(work(1), nowMs)[3]).to.equal('True (old)');
  });
  it('of each manifest, feedback of zero included', () => {
    expect(manifestRows(work(2))[0]).to.include.members(['Deployment.v1.apps n/d', 'ReadyReplicas=0']);
  });
  it('of a certificate request', () => {
    const csr = (status: object) => ({
      apiVersion: 'v1',
      kind: 'C',
      metadata: {},
      spec: { request: '', signerName: '' },
      status,
    });
    expect(csrState(csr({}))).to.equal('Pending');
    expect(csrState(csr({ conditions: [{ type: 'Approved', status: 'True' }], certificate: 'x' }))).to.equal(
      'Approved,Issued',
    );
  });
});
