import type { ManagedCluster, ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { clusterRow, clusterView, csrState, manifestRows, whyOf, workRow } from './views.js';

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
    expect(clusterRow(cluster, { seenMs: nowMs - 5000, nowMs }).slice(0, 8)).to.deep.equal([
      ...['c1', 'true', 'True', '', 'WaitingForKlusterlet', 'v1.32.0', '5s ago', '60s'],
    ]);
    const { headers, wideHeaders = [], rows } = clusterView([cluster], { beside: [], nowMs });
    expect(rows[0]).to.have.length(headers.length + wideHeaders.length);
    expect(rows[0]?.[headers.indexOf('Last seen')]).to.equal('');
  });

  const condition = (type: string, status: 'True' | 'False', reason: string) => ({
    ...{ type, status, reason, message: 'm' },
    lastTransitionTime: creationTimestamp,
  });
  for (const [what, { wrote, noted }, seen] of [
    [
      'by when the renewal arrived, not by the clock of the klusterlet',
      { wrote: 3600, noted: [{ field: 'f:renewTime', at: -7 }] },
      '7s ago',
    ],
    [
      'by the renewal, not by another change of the lease',
      {
        wrote: 0,
        noted: [
          { field: 'f:renewTime', at: -30 },
          { field: 'f:holderIdentity', at: -2 },
        ],
      },
      '30s ago',
    ],
    [
      'by the later renewal, when two wrote',
      {
        wrote: 0,
        noted: [
          { field: 'f:renewTime', at: -4 },
          { field: 'f:renewTime', at: -600 },
        ],
      },
      '4s ago',
    ],
    ['by what the klusterlet wrote, where nothing is noted', { wrote: -9, noted: [] }, '9s ago'],
    ['not, where there was no heartbeat', { wrote: undefined, noted: [] }, ''],
  ] as const) {
    it(`when a cluster was seen: ${what}`, () => {
      const at = (seconds: number): string => new Date(nowMs + seconds * 1000).toISOString();
      const lease = {
        apiVersion: 'coordination.k8s.io/v1',
        kind: 'Lease',
        metadata: {
          name: 'managed-cluster-lease',
          namespace: 'c1',
          managedFields: noted.map(({ field, at: seconds }) => ({
            time: at(seconds),
            fieldsV1: { 'f:spec': { [field]: {} } },
          })),
        },
        spec: wrote === undefined ? {} : { renewTime: at(wrote) },
      };
      const cluster: ManagedCluster = {
        ...{ apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' },
        metadata: { name: 'c1' },
        status: { conditions: [condition('ManagedClusterJoined', 'True', 'r')] },
      };
      const { headers, rows } = clusterView([cluster], { beside: [lease], nowMs });
      expect(rows[0]?.[headers.indexOf('Last seen')]).to.equal(seen);
    });
  }

  const bare = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' };
  for (const [state, cluster, reason] of [
    ['has just asked', { ...bare, metadata: { name: 'c' } }, 'WaitingForApproval'],
    [
      'was denied',
      {
        ...bare,
        metadata: { name: 'c' },
        status: { conditions: [condition('HubAcceptedManagedCluster', 'False', 'HubClusterAdminDenied')] },
      },
      'HubClusterAdminDenied',
    ],
    [
      'is not available',
      {
        ...bare,
        metadata: { name: 'c' },
        spec: { hubAcceptsClient: true },
        status: { conditions: [condition('ManagedClusterConditionAvailable', 'False', 'Because')] },
      },
      'Because',
    ],
    [
      'is being removed',
      { ...bare, metadata: { name: 'c', deletionTimestamp: creationTimestamp } },
      'Deleting',
    ],
  ] as const) {
    it(`why a cluster ${state}`, () => {
      expect(whyOf(cluster as unknown as ManagedCluster).reason).to.equal(reason);
    });
  }

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
