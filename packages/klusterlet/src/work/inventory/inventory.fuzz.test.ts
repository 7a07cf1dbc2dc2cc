/** Random live objects, inventories and manifests against what decides about deletion: nothing of others may go. */
import type { AppliedManifestWork, KubeObject, OwnerReference } from '@flotilla/api';
import { asJson, fuzz, mutated } from '@flotilla/api/testing';
import fc from 'fast-check';
import { planManifests } from '../planning/plan-manifests.js';
import { recordedResources, resourceId, untracked, withIntent } from './applied-resources.js';
import { planEviction } from './eviction.js';
import { planRelease } from './release.js';

const resources = [
  { group: '', version: 'v1', resource: 'configmaps', kind: 'ConfigMap', namespaced: true },
  { group: '', version: 'v1', resource: 'namespaces', kind: 'Namespace', namespaced: false },
  { group: 'apps', version: 'v1', resource: 'deployments', kind: 'Deployment', namespaced: true },
].map((each) => ({
  ...each,
  ...{
    singular: each.kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: [],
    subresources: [],
    preferred: true,
  },
}));
const discovery = {
  all: () => resources,
  find: ({ group, kind }: { group: string; kind: string }) =>
    resources.filter((each) => each.group === group && each.kind === kind),
  resolve: ({ group, version, kind }: { group: string; version: string; kind: string }) =>
    resources.find((each) => each.group === group && each.version === version && each.kind === kind),
};
const plain = [
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a', namespace: 'd' }, data: { k: 'v' } },
  { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'b', namespace: 'd' } },
  { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'a' } },
  { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'a', namespace: 'e' } },
  { apiVersion: 'apps/v2', kind: 'Deployment', metadata: { name: 'a', namespace: 'e' } },
];
const manifests = fc.array(mutated(plain, 2), { maxLength: 5 });
const recorded = fc.array(
  fc.record({
    group: fc.constantFrom('', 'apps'),
    version: fc.constant('v1'),
    resource: fc.constantFrom('configmaps', 'namespaces', 'deployments', 'gone'),
    namespace: fc.constantFrom('', 'd', 'e'),
    name: fc.constantFrom('a', 'b', 'c'),
    uid: fc.constantFrom('u1', 'u2', ''),
  }),
  { maxLength: 5 },
);
const uid = fc.constantFrom('ours', 'theirs', 'third', '');
const reference = fc.record({
  apiVersion: fc.constantFrom('work.open-cluster-management.io/v1', 'v1'),
  kind: fc.constantFrom('AppliedManifestWork', 'ConfigMap'),
  name: fc.constantFrom('x', 'y'),
  uid,
});
const inventoryOf = (status: object = {}, annotations: object = {}): AppliedManifestWork =>
  ({
    apiVersion: '',
    kind: '',
    metadata: { name: 'h-w', uid: 'ours', annotations },
    spec: {},
    status,
  }) as AppliedManifestWork;

describe('fuzzed inventories', () => {
  fuzz({
    name: 'release of objects',
    cases: fc.record({
      owners: fc.option(fc.array(reference, { maxLength: 4 }), { nil: undefined }),
      live: fc.constantFrom('u1', 'u2', 'u3'),
      listed: fc.constantFrom('u1', 'u2', '', undefined),
      kept: fc.subarray(['u1', 'u2', 'u3']),
      isGoing: fc.boolean(),
    }),
    check: ({ owners, live, listed, kept, isGoing }) => {
      const object: KubeObject = {
        apiVersion: 'v1',
        kind: 'ConfigMap',
        metadata: {
          name: 'a',
          uid: live,
          ...(owners && { ownerReferences: owners as OwnerReference[] }),
          ...(isGoing && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
        },
      };
      const resource = {
        group: '',
        version: 'v1',
        resource: 'configmaps',
        name: 'a',
        ...(listed !== undefined && { uid: listed }),
      };
      const step = planRelease(object, resource, { inventory: inventoryOf(), keepUids: new Set(kept) });
      const isOurs = (owners ?? []).some((owner) => owner.uid === 'ours');
      if (step !== 'forget' && (!isOurs || kept.includes(live)))
        throw new Error(`${step} of what is not ours`);
      if (step !== 'delete') return;
      const others = (owners ?? []).some(
        (owner) => owner.kind === 'AppliedManifestWork' && owner.uid !== 'ours' && owner.apiVersion !== 'v1',
      );
      if (others) throw new Error('another work has it, too');
      if (listed !== undefined && listed !== '' && listed !== live)
        throw new Error('another object of that name');
    },
  });

  fuzz({
    name: 'pruning',
    cases: fc.tuple(manifests, recorded),
    check: ([list, before]) => {
      const planned = planManifests({ workload: { manifests: list as never } }, discovery); // anything the hub sends
      if (planned.length !== list.length || planned.includes(undefined as never))
        throw new Error('not one each');
      const targets = planned.flatMap((item) => (item.type === 'target' ? [item.target] : []));
      const ids = targets.map(({ id }) => id);
      if (new Set(ids).size < ids.length) throw new Error('two targets for one object');
      const doomed = untracked(before, planned).map(resourceId);
      if (doomed.some((id) => ids.includes(id))) throw new Error('what is wanted is let go of');
      const intent = withIntent(before, targets).map(resourceId);
      if (ids.some((id) => !intent.includes(id))) throw new Error('what will be applied is not recorded');
      if (before.some((each) => !intent.includes(resourceId(each))))
        throw new Error('what was recorded is lost');
    },
  });

  fuzz({
    name: 'inventories spoiled by hand',
    cases: fc.tuple(
      mutated(
        [{ appliedResources: [{ group: '', version: 'v1', resource: 'configmaps', name: 'a' }] }, {}],
        2,
      ),
      fc.oneof(fc.string(), fc.json(), fc.constant('[{"resource":"configmaps","name":"a"}]')),
      fc.oneof(fc.string(), fc.constantFrom('2026-01-01T00:00:00Z', '9999-99-99', '2026-13-01T00:00:00Z')),
    ),
    check: ([status, intent, evictionStartTime]) => {
      const inventory = inventoryOf({ evictionStartTime }, { 'flotilla.dev/intent': intent });
      for (const resource of recordedResources(inventory)) resourceId(resource);
      const facts = { hubHash: 'h', hasWork: false, gracePeriodMs: 1000, missingMs: 0 };
      planEviction(inventory, facts);
      asJson(status);
    },
  });
});
