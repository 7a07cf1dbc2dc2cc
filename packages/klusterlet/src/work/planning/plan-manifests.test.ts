import type { DeleteOption, ManifestWorkSpec } from '@flotilla/api';
import type { ServedResource } from '@flotilla/kube';
import { expect } from 'chai';
import fc from 'fast-check';
import { isOwned, matchesWildcard, settingsFor } from './manifest-settings.js';
import { planManifests } from './plan-manifests.js';
import { groupByRank } from './resource-rank.js';

function served(apiVersion: string, kind: string, resource: string, namespaced = true): ServedResource {
  const [group, version] = apiVersion.includes('/') ? apiVersion.split('/') : ['', apiVersion];
  return {
    group: group ?? '',
    version: version ?? '',
    kind,
    resource,
    namespaced,
    singular: kind.toLowerCase(),
    shortNames: [],
    categories: [],
    verbs: [],
    subresources: [],
    preferred: false,
  };
}

function discoveryOf(resources: readonly ServedResource[]) {
  return {
    all: () => resources,
    find: ({ group, kind }: { group: string; kind: string }) =>
      resources.filter((each) => each.group === group && each.kind === kind),
    resolve: ({ group, version, kind }: { group: string; version: string; kind: string }) =>
      resources.find((each) => each.group === group && each.version === version && each.kind === kind),
  };
}

const discovery = discoveryOf([
  served('v1', 'ConfigMap', 'configmaps'),
  served('v1', 'Namespace', 'namespaces', false),
  served('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  served('batch/v1beta1', 'CronJob', 'cronjobs'),
  served('work.open-cluster-management.io/v1', 'AppliedManifestWork', 'appliedmanifestworks', false),
]);

const manifest = (apiVersion: string, kind: string, name = 'a', namespace = 'd') => ({
  apiVersion,
  kind,
  metadata: { name, namespace },
});

const plan = (manifests: readonly unknown[], spec: Partial<ManifestWorkSpec> = {}) =>
  planManifests({ workload: { manifests: manifests as never }, ...spec }, discovery);

describe('plan of manifests', () => {
  it('leaves the namespace of a cluster-scoped object out', () => {
    const [planned] = plan([manifest('v1', 'Namespace', 'team', 'ignored')]);
    expect(planned?.meta).to.deep.equal({
      ordinal: 0,
      group: '',
      version: 'v1',
      kind: 'Namespace',
      resource: 'namespaces',
      name: 'team',
      namespace: '',
    });
    expect(planned?.type === 'target' && planned.target.key).to.deep.equal({ name: 'team' });
  });

  it('takes the first alternative that is served, in another group too', () => {
    const planned = plan([
      manifest('extensions/v1beta1', 'Ingress'),
      manifest('networking.k8s.io/v1', 'Ingress'),
      manifest('batch/v1', 'CronJob'),
      manifest('batch/v1beta1', 'CronJob'),
    ]);
    expect(planned.map(({ type }) => type)).to.deep.equal(['covered', 'target', 'covered', 'target']);
    expect(planned[0]?.meta.resource).to.equal('ingresses');
  });

  const bad: [string, unknown, string][] = [
    ['no object', 7, 'the manifest is not an object'],
    ['no kind', { apiVersion: 'v1', metadata: { name: 'x' } }, "Object 'Kind' is missing"],
    ['no name', { apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }, 'name must be set in manifest'],
    ['an unknown kind', manifest('a.io/v1', 'Widget'), 'the server doesn\'t have a resource type "Widget"'],
    [
      'no namespace',
      { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'x' } },
      'metadata.namespace must be set: ConfigMap is a namespaced kind',
    ],
  ];
  for (const [what, input, problem] of bad) {
    it(`tells of a manifest with ${what}`, () => {
      const [planned, other] = plan([input, manifest('v1', 'ConfigMap', 'sound')]);
      expect(planned?.type === 'failed' && planned.problem).to.equal(problem);
      expect(other?.type).to.equal('target');
    });
  }

  it('refuses a second manifest for the same object', () => {
    const [first, second] = plan([manifest('v1', 'ConfigMap'), manifest('v1', 'ConfigMap')]);
    expect(first?.type).to.equal('target');
    expect(second?.type === 'failed' && second.problem).to.contain('at index 0');
  });

  it('lets no work write the inventories of works', () => {
    const [planned] = plan([manifest('work.open-cluster-management.io/v1', 'AppliedManifestWork')]);
    expect(planned).to.include({ type: 'failed', unserved: false });
  });

  it('has exactly one entry for each manifest whatever it is', () => {
    const anything = fc.oneof(
      fc.jsonValue(),
      fc.record({
        apiVersion: fc.constantFrom('v1', 'batch/v1', 'batch/v1beta1', ''),
        kind: fc.constantFrom('ConfigMap', 'CronJob', 'Namespace'),
        metadata: fc.record({ name: fc.constantFrom('a', 'b', ''), namespace: fc.constantFrom('d', '') }),
      }),
    );
    fc.assert(
      fc.property(fc.array(anything), (manifests) => {
        const planned = plan(manifests);
        expect(planned.map(({ meta }) => meta.ordinal)).to.deep.equal([...manifests.keys()]);
        const ids = planned.flatMap((item) => (item.type === 'target' ? [item.target.id] : []));
        expect(new Set(ids).size).to.equal(ids.length);
      }),
    );
  });
});

describe('settings of a manifest', () => {
  const place = { group: 'apps', resource: 'deployments', namespace: 'team', name: 'web-1' };
  const identifier = { group: 'apps', resource: 'deployments', namespace: 'te*', name: 'web-*' };

  it('takes each field from the first entry that sets it', () => {
    const settings = settingsFor(place, [
      { resourceIdentifier: { ...identifier, name: 'api' }, updateStrategy: { type: 'ReadOnly' } },
      { resourceIdentifier: identifier, feedbackRules: [{ type: 'WellKnownStatus' }] },
      { resourceIdentifier: identifier, updateStrategy: { type: 'CreateOnly' }, feedbackRules: [] },
    ]);
    expect(settings.strategy.type).to.equal('CreateOnly');
    expect(settings.feedbackRules).to.deep.equal([{ type: 'WellKnownStatus' }]);
  });

  it('updates when nothing is said', () => {
    expect(settingsFor(place, undefined).strategy).to.deep.equal({ type: 'Update' });
  });

  it('matches wildcards as a regular expression would', () => {
    const text = fc.string({ unit: fc.constantFrom('a', 'b'), maxLength: 6 });
    const pattern = fc.string({ unit: fc.constantFrom('a', 'b', '*'), maxLength: 5 });
    fc.assert(
      fc.property(pattern, text, (glob, value) => {
        const expected = new RegExp(`^${glob.replaceAll('*', '.*')}$`).test(value);
        expect(matchesWildcard(glob, value)).to.equal(expected);
      }),
    );
  });

  const rule = { group: 'apps', resource: 'deployments', namespace: 'team', name: 'web-1' };
  const cases: [string, DeleteOption | undefined, boolean][] = [
    ['no option', undefined, true],
    ['Foreground', { propagationPolicy: 'Foreground' }, true],
    ['Orphan', { propagationPolicy: 'Orphan' }, false],
    ['SelectivelyOrphan without rules', { propagationPolicy: 'SelectivelyOrphan' }, true],
    [
      'SelectivelyOrphan naming it',
      { propagationPolicy: 'SelectivelyOrphan', selectivelyOrphans: { orphaningRules: [rule] } },
      false,
    ],
    [
      'SelectivelyOrphan naming another',
      {
        propagationPolicy: 'SelectivelyOrphan',
        selectivelyOrphans: { orphaningRules: [{ ...rule, name: '*' }] },
      },
      true,
    ],
  ];
  for (const [what, option, owned] of cases) {
    it(`is ${owned ? '' : 'not '}owned with ${what}`, () => {
      expect(isOwned(place, option)).to.equal(owned);
    });
  }

  it('is never owned where a cluster cannot be without it', () => {
    const owned = (name: string, resource = 'namespaces', group = '') =>
      isOwned({ group, resource, name }, { propagationPolicy: 'Foreground' });
    expect(
      ['kube-system', 'default', 'open-cluster-management-agent'].map((name) => owned(name)),
    ).to.deep.equal([false, false, false]);
    expect(owned('team')).to.equal(true);
    expect(owned('default', 'serviceaccounts')).to.equal(true);
    expect(owned('default', 'namespaces', 'example.io')).to.equal(true);
  });
});

describe('order of resources', () => {
  it('puts what others live in first and what is not known last', () => {
    const resources = ['widgets', 'deployments', 'services', 'configmaps', 'roles', 'namespaces'];
    const groups = groupByRank(resources, (resource) => resource);
    expect(groups.flat()).to.deep.equal([...resources].reverse());
  });
});
