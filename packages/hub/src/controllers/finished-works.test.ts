import type { ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { timeOfDeletion } from './finished-works.js';
import { digestOf } from './work-digest.js';

const completedAtMs = Date.UTC(2026, 0, 1);

function work({
  ttl,
  complete,
  ...metadata
}: {
  ttl?: number;
  complete?: string;
  [field: string]: unknown;
}): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'w', namespace: 'c1', ...metadata },
    spec: {
      workload: { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap' }] },
      ...(ttl !== undefined && {
        deleteOption: { propagationPolicy: 'Foreground', ttlSecondsAfterFinished: ttl },
      }),
    },
    status: {
      conditions: [
        {
          type: 'Applied',
          status: 'True',
          reason: 'R',
          message: '',
          lastTransitionTime: '2025-01-01T00:00:00Z',
        },
        ...(complete === undefined
          ? []
          : [
              {
                type: 'Complete',
                status: complete,
                reason: 'R',
                message: '',
                lastTransitionTime: '2026-01-01T00:00:00Z',
              },
            ]),
      ],
    },
  } as unknown as ManifestWork; // the schema's type of any manifest
}

const ofSet = { labels: { 'work.open-cluster-management.io/manifestworkreplicaset': 'ns.set' } };
const going = { deletionTimestamp: '2026-01-01T00:00:00Z' };
const cases: [what: string, ManifestWork, number | undefined][] = [
  ['is complete', work({ ttl: 60, complete: 'True' }), completedAtMs + 60_000],
  ['is to go at once', work({ ttl: 0, complete: 'True' }), completedAtMs],
  ['has a negative time', work({ ttl: -5, complete: 'True' }), completedAtMs],
  ['is not complete', work({ ttl: 60, complete: 'False' }), undefined],
  ['has no such condition', work({ ttl: 60 }), undefined],
  ['has no time', work({ complete: 'True' }), undefined],
  ['is being deleted', work({ ttl: 60, complete: 'True', ...going }), undefined],
  ['belongs to a set', work({ ttl: 60, complete: 'True', ...ofSet }), undefined],
];

describe('time at which the hub deletes a work that', () => {
  for (const [what, given, atMs] of cases) {
    it(`${what}: ${atMs === undefined ? 'never' : 'set'}`, () => {
      expect(timeOfDeletion(given)).to.equal(atMs);
      expect(timeOfDeletion(digestOf(given))).to.equal(atMs);
    });
  }

  it('is kept in memory without what the work holds', () => {
    const digest = digestOf(
      work({ annotations: { 'open-cluster-management.io/cleanup-priority': '3', x: 'y' } }),
    );
    expect(digest).to.deep.equal({
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: {
        name: 'w',
        namespace: 'c1',
        annotations: { 'open-cluster-management.io/cleanup-priority': '3' },
      },
    });
  });
});
