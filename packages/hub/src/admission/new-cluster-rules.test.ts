import {
  hubAddressesAnnotation,
  hubAuthoritiesAnnotation,
  type KubeObject,
  newNotFound,
  unreachableTaint,
} from '@flotilla/api';
import { createCertificateAuthority, type KubeClient } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { acceptedFinalizers } from '../controllers/managed-cluster.js';
import { defaultHubPolicies } from '../policies.js';
import { acceptedClusterRule, newClusterTaintRule } from './new-cluster-rules.js';
import type { AdmissionRequest, AdmissionRule } from './rule.js';

const nowMs = Date.UTC(2026, 0, 1);
const { certificatePem } = createCertificateAuthority({
  ...{ commonName: 'ca', validityMs: 3_600_000, nowMs },
  random: createTestEnv().random,
});
const rootCa = { data: { 'ca.crt': certificatePem } };

/** What the rule makes of the object; `published`: whether the authorities are. */
async function admit(
  rule: AdmissionRule,
  object: object,
  { published = true, ...request }: Partial<AdmissionRequest> & { published?: boolean } = {},
): Promise<KubeObject> {
  const written = { metadata: { name: 'c1' }, ...object } as KubeObject;
  const client = {
    get: async () => {
      if (published) return rootCa;
      throw newNotFound({ group: '', resource: 'configmaps', name: 'kube-root-ca.crt' });
    },
  } as unknown as KubeClient; // nothing else is asked for
  await rule.check(
    {
      ...{ operation: 'CREATE', name: 'c1', namespace: undefined, oldObject: undefined, dryRun: false },
      ...{ object: written, user: { username: 'u', groups: [] }, nowMs, policies: defaultHubPolicies },
      ...request,
    },
    client,
  );
  return written;
}

describe('the first taint of a cluster', () => {
  const ours = { key: unreachableTaint, effect: 'NoSelect', timeAdded: '2026-01-01T00:00:00Z' };
  const theirs = { key: 'team', effect: 'NoSelect', timeAdded: '2026-01-01T00:00:00Z' };

  const cases: readonly [string, object, unknown][] = [
    ['is there from its creation', { spec: {} }, { taints: [ours] }],
    ['comes after those it is made with', { spec: { taints: [theirs] } }, { taints: [theirs, ours] }],
    ['is not there twice', { spec: { taints: [ours] } }, { taints: [ours] }],
    [
      'is there whatever it is said to have reported',
      { spec: {}, status: { conditions: [{ type: 'ManagedClusterConditionAvailable', status: 'True' }] } },
      { taints: [ours] },
    ],
    ['leaves it to validation what is no list of taints', { spec: { taints: 'no' } }, { taints: 'no' }],
    ['leaves it to validation what is no taint', { spec: { taints: ['no'] } }, { taints: ['no'] }],
    ['leaves it to validation what is no spec', { spec: 'no' }, 'no'],
    ['waits for the controller where there is no spec', {}, undefined],
  ];
  for (const [what, object, spec] of cases) {
    it(what, async () => {
      expect((await admit(newClusterTaintRule, object))['spec']).to.deep.equal(spec);
    });
  }
});

describe('the write that accepts a cluster', () => {
  const accepted = { spec: { hubAcceptsClient: true } };

  it('brings the finalizers, and what the cluster is told of its hub', async () => {
    const policies = { ...defaultHubPolicies, addresses: ['https://a', 'https://b'] };
    const { metadata } = await admit(
      acceptedClusterRule,
      { ...accepted, metadata: { name: 'c1', finalizers: ['theirs'], annotations: { theirs: 'x' } } },
      { operation: 'UPDATE', policies },
    );
    expect(metadata.finalizers).to.deep.equal(['theirs', ...acceptedFinalizers]);
    expect(metadata.annotations).to.have.keys('theirs', hubAddressesAnnotation, hubAuthoritiesAnnotation);
    expect(metadata.annotations?.[hubAddressesAnnotation]).to.equal('https://a,https://b');
    expect(metadata.annotations?.[hubAuthoritiesAnnotation]).to.match(/^sha256:[0-9a-f]{64}$/);
  });

  it('brings nothing that is not known yet', async () => {
    const { metadata } = await admit(acceptedClusterRule, accepted, { published: false });
    expect(metadata.finalizers).to.deep.equal(acceptedFinalizers);
    expect(metadata.annotations).to.deep.equal({});
  });

  const untouched: readonly [string, object][] = [
    ['one that is not accepted', { spec: { hubAcceptsClient: false } }],
    ['one that is no cluster', { spec: 'no' }],
    ['one without a spec', {}],
    [
      'one that is being removed: its finalizers must go',
      { ...accepted, metadata: { name: 'c1', deletionTimestamp: '2026-01-01T00:00:00Z', finalizers: ['x'] } },
    ],
    [
      'one that has all finalizers',
      { ...accepted, metadata: { name: 'c1', finalizers: acceptedFinalizers } },
    ],
  ];
  for (const [what, object] of untouched) {
    it(`leaves alone ${what}`, async () => {
      const before = JSON.stringify({ metadata: { name: 'c1' }, ...object });
      const after = await admit(acceptedClusterRule, object, { operation: 'UPDATE' });
      expect(JSON.stringify(after)).to.equal(before);
    });
  }

  it('leaves alone one that was accepted before: what somebody takes away is not put back unseen', async () => {
    const kind = { apiVersion: 'cluster.open-cluster-management.io/v1', kind: 'ManagedCluster' };
    const oldObject = { ...kind, metadata: { finalizers: [...acceptedFinalizers] }, ...accepted };
    const { metadata } = await admit(acceptedClusterRule, accepted, { operation: 'UPDATE', oldObject });
    expect(metadata.finalizers).to.equal(undefined);
  });
});
