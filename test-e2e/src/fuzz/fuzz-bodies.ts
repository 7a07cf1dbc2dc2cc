/**
 * Bodies for fuzzed requests: real objects and patches with something put in, taken out, repeated or cut off, in JSON,
 * YAML and protobuf, and plain noise. Pure: what it makes depends on fast-check's seed only.
 */
import { stringifyYaml } from '@flotilla/api';
import { applyChanges, change } from '@flotilla/api/testing';
import fc, { type Arbitrary } from 'fast-check';
import { protobufBody } from './fuzz-protobuf.js';
import { realObjects } from './real-objects.js';

const realPatches: readonly object[] = [
  [{ op: 'add', path: '/metadata/labels', value: {} }],
  [
    { op: 'test', path: '/metadata/name', value: 'a' },
    { op: 'remove', path: '/data/k' },
  ],
  [
    { op: 'move', from: '/data', path: '/metadata/annotations' },
    { op: 'copy', from: '', path: '/data' },
  ],
  [
    { op: 'replace', path: '', value: {} },
    { op: 'add', path: '/spec/-', value: 1 },
  ],
  { metadata: { labels: { a: null }, resourceVersion: '1' }, data: { k: null, n: 'x' } },
  {
    spec: {
      template: {
        spec: {
          $patch: 'replace',
          '$setElementOrder/containers': [{ name: 'c' }],
          containers: [
            { name: 'c', $patch: 'delete' },
            { name: 'd', image: 'i' },
          ],
          '$deleteFromPrimitiveList/finalizers': ['x'],
          $retainKeys: ['containers'],
        },
      },
    },
  },
  { metadata: { managedFields: [{}], finalizers: null, ownerReferences: [] }, status: { phase: 'x' } },
];

/** A real object with up to four changes. */
const mutatedObject: Arbitrary<unknown> = fc
  .tuple(fc.constantFrom(...realObjects), fc.array(change, { maxLength: 4 }))
  .map(([object, changes]) => applyChanges(object, changes));

const mutatedPatch: Arbitrary<unknown> = fc.oneof(
  fc
    .tuple(fc.constantFrom(...realPatches), fc.array(change, { maxLength: 3 }))
    .map(([patch, changes]) => applyChanges(patch, changes)),
  mutatedObject,
);

function text(value: unknown): string {
  return JSON.stringify(value) ?? 'null';
}

/** JSON text, now and then with a repeated key, cut off, or with something in the middle. */
export function jsonText(value: Arbitrary<unknown>): Arbitrary<Uint8Array> {
  return fc
    .tuple(
      value,
      fc.constantFrom(...Array<string>(16).fill('whole'), 'cut', 'twice', 'noise', 'deep'),
      fc.nat(),
    )
    .map(([object, damage, position]) => {
      const whole = text(object);
      const at = position % Math.max(whole.length, 1);
      if (damage === 'cut') return whole.slice(0, at);
      if (damage === 'twice') return whole.replace('{', '{"metadata":{"name":"twice"},"metadata":{},');
      if (damage === 'noise') return `${whole.slice(0, at)}\u0000\ud83d"}{[${whole.slice(at)}`;
      if (damage === 'deep') return `{"spec":${'[{"a":'.repeat((position % 3000) + 1)}1`;
      return whole;
    })
    .map((content) => Buffer.from(content));
}

export function yamlText(value: Arbitrary<unknown>): Arbitrary<Uint8Array> {
  return fc
    .tuple(
      value,
      fc.constantFrom(
        '',
        '',
        '---\n',
        '\t',
        '&a [*a]\n',
        '? x\n',
        '!!binary YQ==\n',
        'a: *missing\n',
        '- -\n',
      ),
    )
    .map(([object, before]) => Buffer.from(before + stringifyYaml(JSON.parse(text(object)))));
}

export interface BodyKinds {
  readonly json: Arbitrary<Uint8Array>;
  readonly patch: Arbitrary<Uint8Array>;
  readonly yaml: Arbitrary<Uint8Array>;
  readonly protobuf: Arbitrary<Uint8Array>;
  readonly noise: Arbitrary<Uint8Array>;
}

/** @param recorded bodies of Go clients, to be damaged */
export function fuzzBodies(recorded: readonly Uint8Array[]): BodyKinds {
  return {
    json: jsonText(mutatedObject),
    patch: jsonText(mutatedPatch),
    yaml: yamlText(fc.oneof(mutatedObject, mutatedPatch)),
    protobuf: protobufBody(recorded),
    noise: fc.oneof(
      fc.json().map((content) => Buffer.from(content)),
      fc.string().map((content) => Buffer.from(content)),
      fc.uint8Array({ maxLength: 80 }),
      fc.constant(new Uint8Array()),
    ),
  };
}
