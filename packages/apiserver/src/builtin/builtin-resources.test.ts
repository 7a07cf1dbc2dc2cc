import { expect } from 'chai';
import type { ResourceDefinition } from '../registry/resource.js';
import { builtinResources } from './builtin-resources.js';
import type { Profile } from './define.js';

function resources(minor: number, profile: Profile = 'cluster'): readonly ResourceDefinition[] {
  return builtinResources({ profile, kubernetesVersion: { major: 1, minor } });
}

function served(minor: number, resource: string): readonly string[] {
  return resources(minor)
    .filter((one) => one.resource === resource)
    .map(({ group, version }) => (group === '' ? version : `${group}/${version}`));
}

describe('builtinResources', () => {
  for (const profile of ['hub', 'cluster'] as const) {
    it(`describes every kind it serves as a ${profile} in 1.16 to 1.36`, () => {
      for (let minor = 16; minor <= 36; minor++) {
        for (const { schema, kind, columns } of resources(minor, profile)) {
          expect(schema.properties, `${kind} in 1.${minor}`).to.have.property('metadata');
          expect(columns.length).to.be.greaterThan(0);
        }
      }
    });

    it(`names no resource of a ${profile} twice in a group version`, () => {
      const names = resources(35, profile).map(
        ({ group, version, resource }) => `${group}/${version}/${resource}`,
      );
      expect(names).to.deep.equal([...new Set(names)]);
    });
  }

  it('has no workloads, nodes or storage in a hub', () => {
    const names = resources(35, 'hub').map(({ resource }) => resource);
    expect(names).to.include.members([
      'namespaces',
      'configmaps',
      'secrets',
      'events',
      'leases',
      'clusterroles',
    ]);
    expect(names).not.to.include.members(['pods']);
    expect(names.filter((name) => ['nodes', 'deployments', 'storageclasses'].includes(name))).to.deep.equal(
      [],
    );
  });

  const cases: readonly (readonly [string, number, readonly string[]])[] = [
    ['ingresses', 18, ['networking.k8s.io/v1beta1', 'extensions/v1beta1']],
    ['ingresses', 19, ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1', 'extensions/v1beta1']],
    ['ingresses', 21, ['networking.k8s.io/v1', 'networking.k8s.io/v1beta1', 'extensions/v1beta1']],
    ['ingresses', 22, ['networking.k8s.io/v1']],
    ['cronjobs', 20, ['batch/v1beta1']],
    ['cronjobs', 24, ['batch/v1', 'batch/v1beta1']],
    ['cronjobs', 25, ['batch/v1']],
    ['poddisruptionbudgets', 20, ['policy/v1beta1']],
    ['poddisruptionbudgets', 25, ['policy/v1']],
    ['endpointslices', 16, []],
    ['endpointslices', 21, ['discovery.k8s.io/v1', 'discovery.k8s.io/v1beta1']],
    ['horizontalpodautoscalers', 22, ['autoscaling/v1', 'autoscaling/v2beta2']],
    ['horizontalpodautoscalers', 25, ['autoscaling/v2', 'autoscaling/v1', 'autoscaling/v2beta2']],
    ['horizontalpodautoscalers', 26, ['autoscaling/v2', 'autoscaling/v1']],
    ['events', 18, ['v1', 'events.k8s.io/v1beta1']],
    ['events', 25, ['v1', 'events.k8s.io/v1']],
    ['roles', 21, ['rbac.authorization.k8s.io/v1', 'rbac.authorization.k8s.io/v1beta1']],
    ['roles', 22, ['rbac.authorization.k8s.io/v1']],
    ['validatingadmissionpolicies', 29, []],
    ['flowschemas', 29, ['flowcontrol.apiserver.k8s.io/v1', 'flowcontrol.apiserver.k8s.io/v1beta3']],
    ['flowschemas', 32, ['flowcontrol.apiserver.k8s.io/v1']],
  ];
  for (const [resource, minor, versions] of cases) {
    it(`serves ${resource} in 1.${minor} as ${versions.join(', ') || 'nothing'}`, () => {
      expect(served(minor, resource)).to.deep.equal(versions);
    });
  }

  it('warns of a version that will go', () => {
    const old = resources(21).find(
      ({ resource, version }) => resource === 'cronjobs' && version === 'v1beta1',
    );
    expect(old?.deprecationWarning).to.equal(
      'batch/v1beta1 CronJob is deprecated in v1.21+, unavailable in v1.25+; use batch/v1 CronJob',
    );
    const kept = resources(35).filter(({ deprecationWarning }) => deprecationWarning !== undefined);
    expect(kept).to.deep.equal([]);
  });

  it('stores objects of one resource in one version, whatever is served', () => {
    const byResource = new Map<string, Set<string>>();
    for (let minor = 16; minor <= 36; minor++) {
      for (const { resource, group, storageGroup = group, storageVersion } of resources(minor)) {
        const name = resource === 'events' || resource === 'ingresses' ? resource : `${resource}.${group}`;
        const known = byResource.get(name) ?? new Set();
        byResource.set(name, known.add(`${storageGroup}/${storageVersion}`));
      }
    }
    for (const [name, versions] of byResource) expect([...versions], name).to.have.length(1);
  });
});
