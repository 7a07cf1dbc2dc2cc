import { expect } from 'chai';
import type { ManifestWork } from '../kinds/manifest-work.js';
import type { Manifest } from '../kinds/manifest-work-spec.js';
import { StatusError } from '../status.js';
import { validateManifestWork } from './manifest-work.js';

function work(manifests: readonly unknown[]): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'w', namespace: 'c1' },
    spec: { workload: { manifests: manifests as Manifest[] } }, // some are wrong on purpose
  };
}

const configMap = (name: string, data = ''): Manifest => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'd' },
  data: { data },
});

/** A list of manifests of exactly so many bytes. */
function ofSize(bytes: number): Manifest[] {
  const empty = JSON.stringify(configMap('a')).length;
  const half = Math.floor(bytes / 2);
  return [configMap('a', 'x'.repeat(half - empty)), configMap('b', 'x'.repeat(bytes - half - empty))];
}

describe('validateManifestWork', () => {
  it('accepts good works, one object in two API versions included', () => {
    validateManifestWork(
      work([
        configMap('a'),
        configMap('b'),
        { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i' } },
        { apiVersion: 'extensions/v1beta1', kind: 'Ingress', metadata: { name: 'i' } },
      ]),
    );
    validateManifestWork(work(ofSize(512_000)));
  });

  const { spec: _, ...bare } = work([]);
  for (const [what, bad, message] of [
    ['no spec', bare, 'manifests should not be empty'],
    ['no manifests', work([]), 'manifests should not be empty'],
    [
      'too many bytes',
      work(ofSize(512_001)),
      'the size of manifests is 512001 bytes which exceeds the 512000 limit',
    ],
    ['no kind', work([{ apiVersion: 'v1' }]), `Object 'Kind' is missing in '{"apiVersion":"v1"}'`],
    ['no apiVersion', work([{ kind: 'A' }]), `Object 'apiVersion' is missing in '{"kind":"A"}'`],
    ['not an object', work([null]), "Object 'Kind' is missing in 'null'"],
    ['no name', work([{ apiVersion: 'v1', kind: 'A' }]), 'name must be set in manifest'],
    ['an empty name', work([configMap('')]), 'name must be set in manifest'],
    [
      'a generateName',
      work([{ apiVersion: 'v1', kind: 'A', metadata: { name: 'a', generateName: 'a-' } }]),
      'generateName must not be set in manifest',
    ],
    [
      'a repeat',
      work([configMap('a'), configMap('b'), configMap('a', 'other')]),
      'duplicate manifest for resource d/a with resource type v1.ConfigMap',
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(() => validateManifestWork(bad))
        .to.throw(StatusError)
        .that.deep.includes({ message, code: 400, reason: 'BadRequest' });
    });
  }

  it('refuses a name that leaves no room for the hash of the hub, unless the work is there already', () => {
    const named = (length: number) => ({
      ...work([configMap('a')]),
      metadata: { name: 'n'.repeat(length), namespace: 'c1' },
    });
    validateManifestWork(named(188));
    validateManifestWork(named(189), { old: named(189) });
    expect(() => validateManifestWork(named(189)))
      .to.throw(StatusError, 'metadata.name: Invalid value')
      .that.deep.includes({ code: 400, reason: 'BadRequest' });
  });

  it('quotes only the beginning of a large manifest', () => {
    expect(() => validateManifestWork(work([{ x: 'y'.repeat(10_000) }])))
      .to.throw(StatusError)
      .with.property('message')
      .with.lengthOf.below(600);
  });

  it('takes another limit', () => {
    expect(() => validateManifestWork(work(ofSize(1000)), { sizeLimitBytes: 999 })).to.throw(
      'the size of manifests is 1000 bytes which exceeds the 999 limit',
    );
  });

  it('does not judge manifests again that did not change', () => {
    const old = work(ofSize(600_000));
    validateManifestWork({ ...old, metadata: { ...old.metadata, labels: { a: 'b' } } }, { old });
    expect(() => validateManifestWork(work(ofSize(600_001)), { old })).to.throw('exceeds');
  });
});
