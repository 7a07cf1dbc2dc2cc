import type { ManagedClusterAddOn } from '@flotilla/api';
import { expect } from 'chai';
import { leaseNamespaceOf, planAddonHealth } from './addon-leases.js';

const nowMs = Date.UTC(2026, 0, 1);

function addon(more: object = {}, status: object = {}): ManagedClusterAddOn {
  return {
    apiVersion: 'addon.open-cluster-management.io/v1beta1',
    kind: 'ManagedClusterAddOn',
    metadata: { name: 'a', namespace: 'c1', ...more },
    spec: {},
    status,
  } as ManagedClusterAddOn;
}

/** Renewed this long ago; undefined: never. */
function lease(ageMs: number | undefined) {
  const renewTime = ageMs === undefined ? undefined : new Date(nowMs - ageMs).toISOString();
  return {
    apiVersion: 'coordination.k8s.io/v1',
    kind: 'Lease',
    metadata: { name: 'a', namespace: 'ns' },
    spec: renewTime === undefined ? {} : { renewTime },
  };
}

describe('health of an add-on', () => {
  const cases = [
    ['renewed now', lease(0), 'True', 'ManagedClusterAddOnLeaseUpdated', 'a add-on is available.', 30_000],
    [
      'nearly over',
      lease(299_000),
      'True',
      'ManagedClusterAddOnLeaseUpdated',
      'a add-on is available.',
      1000,
    ],
    [
      'over',
      lease(300_000),
      'False',
      'ManagedClusterAddOnLeaseUpdateStopped',
      'a add-on is not available.',
      30_000,
    ],
    [
      'never renewed',
      lease(undefined),
      'False',
      'ManagedClusterAddOnLeaseUpdateStopped',
      'a add-on is not available.',
      30_000,
    ],
    [
      'not there',
      undefined,
      'Unknown',
      'ManagedClusterAddOnLeaseNotFound',
      'The status of a add-on is unknown.',
      10_000,
    ],
  ] as const;
  for (const [name, found, status, reason, message, againInMs] of cases) {
    it(`with a lease that is ${name} is ${status}`, () => {
      const plan = planAddonHealth(addon(), { lease: found, nowMs });
      expect(plan).to.deep.equal({ condition: { type: 'Available', status, reason, message }, againInMs });
    });
  }

  it('of another hosting cluster says where it was looked for', () => {
    const hosted = addon({
      annotations: { 'addon.open-cluster-management.io/hosting-cluster-name': 'host1' },
    });
    const { condition } = planAddonHealth(hosted, { lease: undefined, nowMs });
    expect(condition.message).to.equal(
      'The status of a add-on is unknown. No lease found on hosting cluster "host1"; verify it matches the cluster where this managed cluster\'s klusterlet actually runs.',
    );
  });
});

describe('where the lease of an add-on is looked for', () => {
  const annotations = { 'addon.open-cluster-management.io/v1alpha1-install-namespace': 'old' };
  it('where its status says that its agent runs', () => {
    expect(leaseNamespaceOf(addon({ annotations }, { namespace: 'told' }))).to.equal('told');
  });
  it('where a v1alpha1 object wanted it installed', () => {
    expect(leaseNamespaceOf(addon({ annotations }, { namespace: '' }))).to.equal('old');
  });
  it("in the add-on agents' namespace", () => {
    expect(leaseNamespaceOf(addon())).to.equal('open-cluster-management-agent-addon');
  });
});
