import { expect } from 'chai';
import type { KubeObject } from '../object.js';
import type { Schema } from '../schema/schema.js';
import { toCrd } from './crd.js';
import { resourceOf } from './kind.js';
import { kinds } from './kinds.js';
import { type ManagedCluster, managedClusterKind } from './managed-cluster.js';
import { type ManifestWork, manifestWorkKind } from './manifest-work.js';

/** All nodes of a schema with their paths. */
function* nodes(schema: Schema, path = ''): Generator<[string, Schema]> {
  yield [path, schema];
  for (const [name, field] of Object.entries(schema.properties ?? {})) yield* nodes(field, `${path}.${name}`);
  if (schema.items !== undefined) yield* nodes(schema.items, `${path}[]`);
  if (typeof schema.additionalProperties === 'object') yield* nodes(schema.additionalProperties, `${path}{}`);
}

describe('kinds', () => {
  it('are the kinds of OCM, then our own, in their groups and versions', () => {
    expect(kinds.map((kind) => `${kind.plural}.${kind.group}/${kind.version}`)).to.deep.equal([
      'managedclusters.cluster.open-cluster-management.io/v1',
      'managedclustersets.cluster.open-cluster-management.io/v1beta2',
      'managedclustersetbindings.cluster.open-cluster-management.io/v1beta2',
      'clusterclaims.cluster.open-cluster-management.io/v1alpha1',
      'managedclusteraddons.addon.open-cluster-management.io/v1beta1',
      'clusterprofiles.multicluster.x-k8s.io/v1alpha1',
      'manifestworks.work.open-cluster-management.io/v1',
      'appliedmanifestworks.work.open-cluster-management.io/v1',
      'manifestworkrevisions.flotilla.dev/v1alpha1',
      'manifestworkplans.flotilla.dev/v1alpha1',
      'klusterlets.operator.open-cluster-management.io/v1',
      'clustermanagers.operator.open-cluster-management.io/v1',
    ]);
  });

  for (const kind of kinds) {
    describe(kind.kind, () => {
      it('describes every field in one sentence or more', () => {
        for (const [path, { description }] of nodes(kind.schema)) {
          if (path.endsWith('{}') || (path.endsWith('[]') && description === undefined)) continue;
          expect(description, path).to.match(/^[A-Z].*\.$/s);
        }
      });

      it('has patterns that compile and list keys that every item has', () => {
        for (const [path, node] of nodes(kind.schema)) {
          if (node.pattern !== undefined) expect(() => new RegExp(node.pattern ?? ''), path).to.not.throw();
          for (const key of node['x-kubernetes-list-map-keys'] ?? []) {
            const field = node.items?.properties?.[key];
            const alwaysThere = field?.default !== undefined || (node.items?.required ?? []).includes(key);
            expect(alwaysThere, `${path} ${key}`).to.equal(true);
          }
        }
      });

      it('becomes a CRD with one version', () => {
        const crd = toCrd(kind) as KubeObject & { spec: Record<string, unknown> }; // a CRD has a spec
        expect(crd.metadata.name).to.equal(`${kind.plural}.${kind.group}`);
        expect(crd.spec['scope']).to.equal(kind.namespaced ? 'Namespaced' : 'Cluster');
        const [version] = crd.spec['versions'] as Record<string, unknown>[];
        expect(version).to.include({ name: kind.version, served: true, storage: true });
        expect(version?.['subresources']).to.deep.equal(kind.hasStatus ? { status: {} } : undefined);
      });
    });
  }

  it('gives a CRD that shares nothing with the kind', () => {
    const crd = JSON.stringify(toCrd(manifestWorkKind));
    const changed = toCrd(manifestWorkKind) as unknown as { spec: { versions: { schema: object }[] } };
    for (const version of changed.spec.versions) Object.assign(version.schema, { openAPIV3Schema: {} });
    expect(JSON.stringify(toCrd(manifestWorkKind))).to.equal(crd);
  });

  it('shows the columns that OCM shows for a ManagedCluster', () => {
    expect(managedClusterKind.columns.map(({ name, jsonPath }) => [name, jsonPath])).to.deep.equal([
      ['Hub Accepted', '.spec.hubAcceptsClient'],
      ['Managed Cluster URLs', '.spec.managedClusterClientConfigs[*].url'],
      ['Joined', '.status.conditions[?(@.type=="ManagedClusterJoined")].status'],
      ['Available', '.status.conditions[?(@.type=="ManagedClusterConditionAvailable")].status'],
      ['Age', '.metadata.creationTimestamp'],
    ]);
  });

  it('types objects so that they are ordinary Kubernetes objects', () => {
    const cluster: ManagedCluster = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1' },
      spec: { hubAcceptsClient: true, taints: [{ key: 'a', effect: 'NoSelect', timeAdded: null }] },
    };
    const work: ManifestWork = {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name: 'w', namespace: 'c1' },
      status: {
        resourceStatus: { manifests: [{ resourceMeta: { ordinal: 0 }, conditions: [] }] },
      },
    };
    const objects: KubeObject[] = [cluster, work];
    expect(objects).to.have.length(2);
    expect(resourceOf(manifestWorkKind)).to.deep.equal({
      group: 'work.open-cluster-management.io',
      version: 'v1',
      resource: 'manifestworks',
      namespaced: true,
    });
  });
});
