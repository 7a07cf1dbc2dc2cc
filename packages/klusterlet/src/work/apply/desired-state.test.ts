import { applyMergePatch, equal, type JsonObject, type KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { planPatch } from './desired-state.js';

function object(fields: JsonObject, metadata: JsonObject = {}): KubeObject {
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web', ...metadata }, ...fields };
}

const none = { previous: [] };

describe('desired state', () => {
  it('asks for nothing when the manifest holds, whatever was defaulted around it', () => {
    const manifest = object({
      spec: {
        template: { spec: { containers: [{ name: 'a', image: 'x', ports: [{ containerPort: 80 }] }] } },
      },
    });
    const live = object(
      {
        spec: {
          replicas: 1,
          template: {
            spec: {
              restartPolicy: 'Always',
              containers: [
                {
                  name: 'a',
                  image: 'x',
                  imagePullPolicy: 'Always',
                  ports: [{ containerPort: 80, protocol: 'TCP' }],
                },
              ],
            },
          },
        },
        status: { replicas: 1 },
      },
      { uid: 'u', resourceVersion: '7', labels: { mine: 'x' } },
    );
    expect(planPatch(live, manifest, none)).to.deep.equal({});
  });

  it('keeps fields of list items that the manifest leaves open', () => {
    const manifest = object({ spec: { ports: [{ name: 'http', port: 81 }] } });
    const live = object({ spec: { ports: [{ name: 'http', port: 80, nodePort: 30001 }] } });
    expect(planPatch(live, manifest, none)).to.deep.equal({
      spec: { ports: [{ name: 'http', port: 81, nodePort: 30001 }] },
    });
  });

  it('removes list items that the manifest does not have', () => {
    const manifest = object({ subjects: [{ kind: 'User', name: 'a' }] });
    const live = object({
      subjects: [
        { kind: 'User', name: 'a' },
        { kind: 'User', name: 'intruder' },
      ],
    });
    expect(planPatch(live, manifest, none)).to.deep.equal({ subjects: [{ kind: 'User', name: 'a' }] });
  });

  it('comes to rest with nulls in a list of mixed items', () => {
    const manifest = object({ spec: { steps: [{ a: null, b: 1 }, 'x'] } });
    const patch = planPatch(object({ spec: { steps: [] } }), manifest, none);
    expect(patch).to.deep.equal({ spec: { steps: [{ b: 1 }, 'x'] } });
    const written = applyMergePatch(object({ spec: { steps: [] } }), patch) as KubeObject;
    expect(planPatch(written, manifest, none)).to.deep.equal({});
  });

  it('removes what only an earlier manifest set, and leaves what others set', () => {
    const before = object({ data: { a: '1', b: '2' } }, { labels: { old: 'x' } });
    const manifest = object({ data: { a: '1' } });
    const live = object({ data: { a: '1', b: '2', c: '3' } }, { labels: { old: 'x', foreign: 'y' } });
    expect(planPatch(live, manifest, { previous: [before] })).to.deep.equal({
      data: { b: null },
      metadata: { labels: { old: null } },
    });
  });

  it('switches one of several exclusive fields of a named list item', () => {
    const before = object({ spec: { volumes: [{ name: 'v', configMap: { name: 'c' } }] } });
    const manifest = object({ spec: { volumes: [{ name: 'v', emptyDir: {} }] } });
    const live = object({ spec: { volumes: [{ name: 'v', configMap: { name: 'c', defaultMode: 420 } }] } });
    expect(planPatch(live, manifest, { previous: [before] })).to.deep.equal({
      spec: { volumes: [{ name: 'v', emptyDir: {} }] },
    });
  });

  it('removes the annotation before a trailing dash', () => {
    const manifest = object({}, { annotations: { 'gone-': '' } });
    const live = object({}, { annotations: { gone: 'x', stays: 'y' } });
    expect(planPatch(live, manifest, none)).to.deep.equal({ metadata: { annotations: { gone: null } } });
  });

  it('never touches status, finalizers, owner references or a pod spec', () => {
    const manifest: KubeObject = {
      ...object({ spec: { x: 1 }, status: { phase: 'Lost' } }, { finalizers: ['a/b'], uid: 'x' }),
      apiVersion: 'v1',
      kind: 'Pod',
    };
    const live: KubeObject = { ...object({ spec: { x: 2 } }), apiVersion: 'v1', kind: 'Pod' };
    expect(planPatch(live, manifest, none)).to.deep.equal({});
  });

  const json = fc.letrec((tie) => ({
    value: fc.oneof(
      { maxDepth: 3 },
      fc.constantFrom('a', 'b', 1, true),
      fc.array(tie('value'), { maxLength: 3 }),
      fc.dictionary(fc.constantFrom('name', 'x', 'y', '__proto__'), tie('value'), { maxKeys: 3 }),
      fc.array(fc.record({ name: fc.constantFrom('a', 'b'), x: tie('value') }), { maxLength: 3 }),
    ),
  })).value;
  const anyObject = fc
    .record({ spec: json, data: json }, { requiredKeys: [] })
    .map((fields) => object(fields));

  it('is settled after one patch', () => {
    fc.assert(
      fc.property(anyObject, anyObject, fc.array(anyObject, { maxLength: 2 }), (live, manifest, previous) => {
        const patched = applyMergePatch(live, planPatch(live, manifest, { previous })) as KubeObject;
        expect(planPatch(patched, manifest, { previous })).to.deep.equal({});
        expect(equal(patched.metadata, live.metadata)).to.equal(true);
      }),
    );
  });

  it('needs no patch for an object that was created from the manifest', () => {
    fc.assert(
      fc.property(anyObject, (manifest) => {
        expect(planPatch(manifest, manifest, none)).to.deep.equal({});
      }),
    );
  });
});
