import type { AppliedManifestWork, KubeObject, OwnerReference } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { planOwners } from '../apply/owner-references.js';
import type { PlannedManifest, Target } from '../planning/plan-manifests.js';
import {
  type AppliedResource,
  afterPass,
  intentAnnotations,
  recordedResources,
  resourceId,
  untracked,
  withIntent,
} from './applied-resources.js';
import { planEviction } from './eviction.js';
import { hashHub } from './inventories.js';
import { planRelease, type ReleaseStep } from './release.js';

const inventory: AppliedManifestWork = {
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'AppliedManifestWork',
  metadata: { name: 'hash-web', uid: 'ours' },
};

const owner = (uid: string, kind = 'AppliedManifestWork'): OwnerReference => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind,
  name: `n-${uid}`,
  uid,
});

const resource = (name: string, uid?: string): AppliedResource => ({
  group: '',
  version: 'v1',
  resource: 'configmaps',
  namespace: 'd',
  name,
  ...(uid !== undefined && { uid }),
});

const target = (name: string, strategy: 'Update' | 'ReadOnly' = 'Update'): Target =>
  ({
    id: resourceId(resource(name)),
    ref: { group: '', version: 'v1', resource: 'configmaps', namespaced: true },
    key: { namespace: 'd', name },
    settings: { strategy: { type: strategy }, feedbackRules: [], conditionRules: [] },
  }) as unknown as Target; // no more of it is looked at

describe('first intention of an inventory', () => {
  const intended = [resource('a'), resource('b')];
  const created: AppliedManifestWork = {
    ...inventory,
    metadata: { ...inventory.metadata, annotations: intentAnnotations(intended) },
  };

  it('counts until there is a list in the status, be it an empty one', () => {
    expect(recordedResources(created)).to.deep.equal(intended);
    expect(recordedResources({ ...created, status: { evictionStartTime: 'x' } })).to.deep.equal(intended);
    expect(recordedResources({ ...created, status: { appliedResources: [] } })).to.deep.equal([]);
  });

  it('keeps an inventory from being taken for an empty one', () => {
    const facts = { hubHash: 'hash', hasWork: false, gracePeriodMs: 1000, missingMs: 0 };
    expect(planEviction(created, facts).type).to.equal('begin');
    expect(planEviction(inventory, facts).type).to.equal('delete');
  });

  it('stays out of the annotations when it is long or empty', () => {
    expect(intentAnnotations([])).to.deep.equal({});
    const many = Array.from({ length: 2000 }, (_, i) => resource(`n-${i}`));
    expect(intentAnnotations(many)).to.deep.equal({});
  });

  it('says nothing when somebody spoiled it', () => {
    for (const text of ['', '{', '{}', '7', 'null', '[null, 7, {}, {"resource": 7, "name": "a"}]']) {
      const annotations = { 'flotilla.dev/intent': text };
      const spoiled = { ...inventory, metadata: { ...inventory.metadata, annotations } };
      expect(recordedResources(spoiled), text).to.deep.equal([]);
    }
  });
});

describe('release of an object', () => {
  const cases: [string, KubeObject['metadata'], AppliedResource, ReleaseStep][] = [
    ['ours alone', { uid: 'u', ownerReferences: [owner('ours')] }, resource('a', 'u'), 'delete'],
    ['only intended', { uid: 'u', ownerReferences: [owner('ours')] }, resource('a'), 'delete'],
    ['not ours any more', { uid: 'u', ownerReferences: [owner('other')] }, resource('a', 'u'), 'forget'],
    ['never ours', { uid: 'u' }, resource('a', 'u'), 'forget'],
    ['another of that name', { uid: 'v', ownerReferences: [owner('ours')] }, resource('a', 'u'), 'forget'],
    [
      'owned by two works',
      { uid: 'u', ownerReferences: [owner('other'), owner('ours')] },
      resource('a', 'u'),
      'disown',
    ],
    [
      'owned by something else too',
      { uid: 'u', ownerReferences: [owner('x', 'Deployment'), owner('ours')] },
      resource('a', 'u'),
      'delete',
    ],
    [
      'terminating',
      { uid: 'u', ownerReferences: [owner('ours')], deletionTimestamp: 't' },
      resource('a', 'u'),
      'wait',
    ],
    ['kept', { uid: 'kept', ownerReferences: [owner('ours')] }, resource('a', 'kept'), 'forget'],
  ];
  for (const [what, metadata, entry, step] of cases) {
    it(`of one that is ${what}: ${step}`, () => {
      const live = { apiVersion: 'v1', kind: 'ConfigMap', metadata };
      expect(planRelease(live, entry, { inventory, keepUids: new Set(['kept']) })).to.equal(step);
    });
  }

  it('never deletes what has no reference to this inventory', () => {
    const uids = fc.constantFrom('a', 'b', 'c');
    fc.assert(
      fc.property(fc.array(uids), uids, fc.option(uids, { nil: undefined }), (owners, uid, recorded) => {
        const live = {
          apiVersion: 'v1',
          kind: 'ConfigMap',
          metadata: { uid, ownerReferences: owners.map((each) => owner(each)) },
        };
        const step = planRelease(live, resource('a', recorded), { inventory, keepUids: new Set() });
        expect(step).to.equal('forget');
      }),
    );
  });
});

describe('owner references', () => {
  it('settle after one plan and touch no other owner', () => {
    const uids = fc.constantFrom('ours', 'a', 'b');
    fc.assert(
      fc.property(fc.uniqueArray(uids), fc.boolean(), (now, owned) => {
        const before = now.map((uid) => owner(uid));
        const planned = planOwners(before, { owner: owner('ours'), owned }) ?? before;
        expect(planOwners(planned, { owner: owner('ours'), owned })).to.equal(undefined);
        expect(planned.some(({ uid }) => uid === 'ours')).to.equal(owned);
        const others = (list: readonly OwnerReference[]) => list.filter(({ uid }) => uid !== 'ours');
        expect(others(planned)).to.deep.equal(others(before));
      }),
    );
  });
});

describe('list of applied resources', () => {
  it('has every target before it is applied, and keeps what it had', () => {
    const intent = withIntent([resource('b', 'ub'), resource('old', 'uo')], [target('b'), target('a')]);
    expect(intent).to.deep.equal([resource('a'), resource('b', 'ub'), resource('old', 'uo')]);
  });

  it('does not intend what is only read', () => {
    expect(withIntent([], [target('a', 'ReadOnly')])).to.deep.equal([]);
  });

  it('has what was seen, what may be there and what is going away after a pass', () => {
    const results = [
      { target: target('seen'), uid: 'us', absent: false, failed: false },
      { target: target('unknown'), uid: undefined, absent: false, failed: false },
      { target: target('read'), uid: undefined, absent: true, failed: false },
    ];
    const after = afterPass([resource('read')], results, [resource('going', 'ug')]);
    expect(after).to.deep.equal([resource('going', 'ug'), resource('seen', 'us'), resource('unknown')]);
  });

  it('keeps the intention of what was refused, so that another attempt has nothing to write', () => {
    const refused = { target: target('refused'), uid: undefined, absent: true, failed: true };
    const intent = withIntent([], [refused.target]);
    expect(afterPass(intent, [refused], [])).to.deep.equal(intent);
    expect(afterPass([resource('refused', 'of-one-that-is-gone')], [refused], [])).to.deep.equal(intent);
    const read = { ...refused, target: target('refused', 'ReadOnly') };
    expect(afterPass(intent, [read], [])).to.deep.equal([]);
  });

  it('gives nothing up that an unplaced manifest may stand for', () => {
    const planned: PlannedManifest[] = [
      {
        type: 'failed',
        problem: '',
        unserved: true,
        meta: {
          ordinal: 0,
          group: 'x',
          version: 'v1',
          kind: 'X',
          resource: '',
          name: 'held',
          namespace: 'd',
        },
      },
    ];
    const doomed = untracked([resource('held', 'u'), resource('gone', 'v')], planned);
    expect(doomed.map(({ name }) => name)).to.deep.equal(['gone']);
  });
});

describe('eviction', () => {
  const facts = { hubHash: 'hash', hasWork: false, gracePeriodMs: 60_000, missingMs: 0 };
  const appliedResources = [resource('a', 'ua')];
  const full: AppliedManifestWork = { ...inventory, status: { appliedResources } };
  const begun = (evictionStartTime = '2026-01-01T00:00:00Z'): AppliedManifestWork => ({
    ...inventory,
    status: { appliedResources, evictionStartTime },
  });

  it('lets an inventory go at once that has nothing in it', () => {
    expect(planEviction(inventory, facts)).to.deep.equal({ type: 'delete' });
  });

  it('begins, waits and ends', () => {
    expect(planEviction(full, facts)).to.deep.equal({ type: 'begin', waitMs: 60_000 });
    const missing = (missingMs: number) => planEviction(begun(), { ...facts, missingMs });
    expect(missing(20_000)).to.deep.equal({ type: 'wait', waitMs: 40_000 });
    expect(missing(60_000)).to.deep.equal({ type: 'delete' });
  });

  it('believes what was seen, not what a clock said that may have leapt since', () => {
    for (const time of ['1970-01-01T00:00:00Z', '2100-01-01T00:00:00Z', 'whenever']) {
      expect(planEviction(begun(time), facts), time).to.deep.equal({ type: 'wait', waitMs: 60_000 });
      expect(planEviction(begun(time), { ...facts, missingMs: 60_000 }), time).to.deep.equal({
        type: 'delete',
      });
    }
  });

  it('is called off when the work is there, and off for a very long grace period', () => {
    expect(planEviction(begun(), { ...facts, hasWork: true, missingMs: 90_000 })).to.deep.equal({
      type: 'clear',
    });
    expect(planEviction(inventory, { ...facts, hasWork: true })).to.deep.equal({ type: 'none' });
    const gracePeriodMs = 100 * 365 * 24 * 3_600_000;
    expect(planEviction(inventory, { ...facts, gracePeriodMs })).to.deep.equal({ type: 'none' });
  });

  it('takes the inventory of another hub for missed even if this hub has a work of that name', () => {
    expect(planEviction(full, { ...facts, hubHash: 'new', hasWork: true }).type).to.equal('begin');
  });

  it('names a hub as OCM does', () => {
    expect(hashHub('https://127.0.0.1:6443')).to.match(/^[0-9a-f]{64}$/);
  });
});
