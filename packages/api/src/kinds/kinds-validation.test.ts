import { expect } from 'chai';
import type { JsonObject } from '../json.js';
import { clone } from '../json.js';
import { applyDefaults } from '../schema/default.js';
import { pruneUnknown } from '../schema/prune.js';
import { validateObject } from '../schema/validate.js';
import { clusterClaimKind } from './cluster-claim.js';
import type { KindDefinition } from './kind.js';
import { managedClusterKind } from './managed-cluster.js';
import { managedClusterSetKind } from './managed-cluster-set.js';
import { manifestWorkKind } from './manifest-work.js';

/** What the API server does to an object before it stores it: the object afterwards, and what was wrong. */
function admit(kind: KindDefinition, fields: JsonObject): { object: JsonObject; errors: string[] } {
  const object: JsonObject = clone({
    apiVersion: `${kind.group}/${kind.version}`,
    kind: kind.kind,
    metadata: { name: 'x' },
    ...fields,
  });
  const unknown = pruneUnknown(object, kind.schema).map((path) => `unknown ${path}`);
  applyDefaults(object, kind.schema);
  const errors = validateObject(object, kind.schema).map(({ field, message }) => `${field}: ${message}`);
  return { object, errors: [...unknown, ...errors] };
}

const manifest = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a' },
  data: { k: 'v' },
  extra: [1],
};

describe('objects of our kinds', () => {
  it('keep a manifest whole and get the defaults of a work', () => {
    const { object, errors } = admit(manifestWorkKind, {
      spec: {
        workload: { manifests: [manifest] },
        deleteOption: {},
        manifestConfigs: [
          {
            resourceIdentifier: { resource: 'configmaps', name: '*' },
            updateStrategy: { serverSideApply: { ignoreFields: [{ jsonPointers: ['/data/k'] }] } },
          },
        ],
      },
    });
    expect(errors).to.deep.equal([]);
    expect(object['spec']).to.deep.equal({
      workload: { manifests: [manifest] },
      deleteOption: { propagationPolicy: 'Foreground' },
      manifestConfigs: [
        {
          resourceIdentifier: { resource: 'configmaps', name: '*' },
          feedbackScrapeType: 'Poll',
          updateStrategy: {
            type: 'Update',
            serverSideApply: {
              fieldManager: 'work-agent',
              ignoreFields: [{ condition: 'OnSpokePresent', jsonPointers: ['/data/k'] }],
            },
          },
        },
      ],
    });
  });

  it('get the lease duration and the cluster selector', () => {
    expect(admit(managedClusterKind, { spec: {} }).object['spec']).to.deep.equal({
      leaseDurationSeconds: 60,
    });
    expect(admit(managedClusterSetKind, {}).object['spec']).to.deep.equal({
      clusterSelector: { selectorType: 'ExclusiveClusterSetLabel' },
    });
  });

  it('may report everything that a klusterlet reports', () => {
    const condition = {
      type: 'Applied',
      status: 'True',
      reason: 'AppliedManifestComplete',
      message: '',
      lastTransitionTime: '2026-01-01T00:00:00Z',
      observedGeneration: 1,
    };
    const values = [
      { name: 'n', fieldValue: { type: 'Integer', integer: 3 } },
      { name: 'raw', fieldValue: { type: 'JsonRaw', jsonRaw: '{}' } },
    ];
    const work = admit(manifestWorkKind, {
      status: {
        conditions: [condition],
        resourceStatus: {
          manifests: [{ resourceMeta: { ordinal: 0 }, statusFeedback: { values }, conditions: [condition] }],
        },
      },
    });
    expect(work.errors).to.deep.equal([]);
    const cluster = admit(managedClusterKind, {
      spec: { taints: [{ key: 'a.io/b', effect: 'NoSelect', timeAdded: null }] },
      status: {
        capacity: { cpu: '1500m', pods: 110 },
        version: { kubernetes: 'v1.33.1' },
        clusterClaims: [{ name: 'id.k8s.io', value: 'x' }],
        conditions: [condition],
        managedNamespaces: [{ name: 'n', clusterSet: 's', conditions: [condition] }],
      },
    });
    expect(cluster.errors).to.deep.equal([]);
  });

  const rule = { condition: '', type: 'CEL' };
  const refused: [string, KindDefinition, JsonObject, RegExp][] = [
    [
      'a policy that does not exist',
      manifestWorkKind,
      { deleteOption: { propagationPolicy: 'Keep' } },
      /Unsupported/,
    ],
    [
      'a CEL rule without a condition',
      manifestWorkKind,
      { manifestConfigs: [{ resourceIdentifier: { resource: 'a', name: 'b' }, conditionRules: [rule] }] },
      /Condition is required for CEL rules/,
    ],
    [
      'a field manager of another name',
      manifestWorkKind,
      {
        manifestConfigs: [
          {
            resourceIdentifier: { resource: 'a', name: 'b' },
            updateStrategy: { type: 'ServerSideApply', serverSideApply: { fieldManager: 'me' } },
          },
        ],
      },
      /should match '\^work-agent'/,
    ],
    [
      'a manifest without kind',
      manifestWorkKind,
      { workload: { manifests: [{ apiVersion: 'v1' }] } },
      /kind/,
    ],
    ['an unknown field', manifestWorkKind, { workloads: {} }, /^unknown spec\.workloads$/],
    ['a taint without effect', managedClusterKind, { taints: [{ key: 'a' }] }, /effect: Required value/],
    ['an empty claim', clusterClaimKind, { value: '' }, /value/],
    ['a claim that is too long', clusterClaimKind, { value: 'x'.repeat(1025) }, /Too long/],
  ];
  for (const [what, kind, spec, message] of refused) {
    it(`are refused with ${what}`, () => {
      const { errors } = admit(kind, { spec });
      expect(errors).to.have.length(1);
      expect(errors[0]).to.match(message);
    });
  }
});
