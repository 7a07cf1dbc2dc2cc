import { expect } from 'chai';
import fc from 'fast-check';
import { areCompatibleGroups, groupAlternatives } from './alternatives.js';

function manifest(apiVersion: string, kind: string, name: string, namespace?: string): unknown {
  return { apiVersion, kind, metadata: { name, ...(namespace !== undefined && { namespace }) } };
}

describe('alternatives', () => {
  it('groups one object in several versions, in the order of the list', () => {
    expect(
      groupAlternatives([
        manifest('networking.k8s.io/v1', 'Ingress', 'web', 'd'),
        manifest('v1', 'ConfigMap', 'web', 'd'),
        manifest('networking.k8s.io/v1beta1', 'Ingress', 'web', 'd'),
        manifest('extensions/v1beta1', 'Ingress', 'web', 'd'),
      ]),
    ).to.deep.equal([[0, 2, 3], [1]]);
  });

  const differences: [string, unknown, unknown][] = [
    ['name', manifest('batch/v1', 'CronJob', 'a', 'd'), manifest('batch/v1beta1', 'CronJob', 'b', 'd')],
    ['namespace', manifest('batch/v1', 'CronJob', 'a', 'd'), manifest('batch/v1beta1', 'CronJob', 'a', 'e')],
    ['kind', manifest('batch/v1', 'CronJob', 'a', 'd'), manifest('batch/v1beta1', 'Job', 'a', 'd')],
    ['group', manifest('a.io/v1', 'Thing', 'a', 'd'), manifest('b.io/v1beta1', 'Thing', 'a', 'd')],
    ['nothing at all', manifest('batch/v1', 'Job', 'a', 'd'), manifest('batch/v1', 'Job', 'a', 'd')],
  ];
  for (const [what, one, two] of differences) {
    it(`keeps apart manifests that differ in ${what}`, () => {
      expect(groupAlternatives([one, two])).to.deep.equal([[0], [1]]);
    });
  }

  for (const [kind, groups, compatible] of [
    ['Ingress', ['extensions', 'networking.k8s.io'], true],
    ['NetworkPolicy', ['networking.k8s.io', 'extensions'], true],
    ['Deployment', ['extensions', 'apps'], true],
    ['DaemonSet', ['extensions', 'apps'], true],
    ['ReplicaSet', ['apps', 'extensions'], true],
    ['PodSecurityPolicy', ['policy', 'extensions'], true],
    ['Event', ['', 'events.k8s.io'], true],
    ['StatefulSet', ['extensions', 'apps'], false],
    ['Deployment', ['apps', 'networking.k8s.io'], false],
    ['Deployment', ['extensions', 'networking.k8s.io'], false],
    ['Thing', ['a.io', 'a.io'], true],
  ] as const) {
    it(`${compatible ? 'joins' : 'keeps apart'} ${kind} of "${groups[0]}" and "${groups[1]}"`, () => {
      expect(areCompatibleGroups(kind, groups)).to.equal(compatible);
    });
  }

  it('leaves what it cannot read alone', () => {
    const broken = [
      null,
      'x',
      {},
      { apiVersion: 'v1', kind: 'A' },
      { apiVersion: 'v1', kind: 'A', metadata: {} },
    ];
    expect(groupAlternatives(broken)).to.deep.equal([[0], [1], [2], [3], [4]]);
  });

  it('puts each manifest into exactly one group, in order', () => {
    const anyManifest = fc
      .tuple(
        fc.constantFrom('v1', 'apps/v1', 'apps/v1beta1', 'extensions/v1beta1', 'events.k8s.io/v1'),
        fc.constantFrom('Deployment', 'Event'),
        fc.constantFrom('a', 'b'),
      )
      .map(([apiVersion, kind, name]) => manifest(apiVersion, kind, name));
    fc.assert(
      fc.property(fc.array(anyManifest), (manifests) => {
        const groups = groupAlternatives(manifests);
        expect(groups.flat().sort((a, b) => a - b)).to.deep.equal([...manifests.keys()]);
        for (const group of groups) expect(group).to.deep.equal([...group].sort((a, b) => a - b));
        const firsts = groups.map((group) => group[0] ?? -1);
        expect(firsts).to.deep.equal([...firsts].sort((a, b) => a - b));
      }),
    );
  });
});
