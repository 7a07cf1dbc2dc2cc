import { clone, createMergePatch, equal, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { widgetSchema } from '../field-manager/testing.js';
import { applyStrategicMergePatch } from './strategic-merge-patch.js';

const patchSpec = (live: object, patch: object): unknown =>
  (applyStrategicMergePatch({ spec: live }, { spec: patch }, widgetSchema) as { spec: unknown }).spec;

describe('applyStrategicMergePatch', () => {
  const a = { name: 'a', image: '1', args: ['x'] };
  const b = { name: 'b', image: '2' };
  const c = { name: 'c', image: '3' };
  const good: { name: string; live: object; patch: object; want: object }[] = [
    {
      name: 'merges maps, deletes with null, replaces scalars and atomic lists',
      live: { replicas: 1, paused: true, limits: { cpu: 1, mem: 1 }, rules: [{ verb: 'a' }] },
      patch: { replicas: 2, paused: null, limits: { cpu: null, gpu: 1 }, rules: [{ verb: 'b' }] },
      want: { replicas: 2, limits: { mem: 1, gpu: 1 }, rules: [{ verb: 'b' }] },
    },
    {
      name: 'merges items by key and puts new ones where the patch says',
      live: { containers: [a, b] },
      patch: { containers: [{ name: 'b', image: '9', args: ['y'] }] },
      want: { containers: [a, { name: 'b', image: '9', args: ['y'] }] },
    },
    {
      name: 'puts an item the server does not know first',
      live: { containers: [a, b] },
      patch: { containers: [c] },
      want: { containers: [c, a, b] },
    },
    {
      name: 'merges lists inside items',
      live: { containers: [{ ...a, env: [{ name: 'X', value: '1' }, { name: 'Y' }] }] },
      patch: {
        containers: [
          {
            name: 'a',
            env: [
              { name: 'X', value: '2' },
              { name: 'Y', $patch: 'delete' },
            ],
            args: ['z'],
          },
        ],
      },
      want: { containers: [{ ...a, env: [{ name: 'X', value: '2' }], args: ['z'] }] },
    },
    {
      name: 'deletes an item',
      live: { containers: [a, b] },
      patch: { containers: [{ name: 'a', $patch: 'delete' }] },
      want: { containers: [b] },
    },
    {
      name: 'replaces a list',
      live: { containers: [a, b] },
      patch: { containers: [{ $patch: 'replace' }, c] },
      want: { containers: [c] },
    },
    {
      name: 'replaces and deletes a map',
      live: { limits: { a: 1 }, extra: { b: 1 } },
      patch: { limits: { $patch: 'replace', z: 1 }, extra: { $patch: 'delete' } },
      want: { limits: { z: 1 }, extra: {} },
    },
    {
      name: 'states the order of a list',
      live: { containers: [a, b, c] },
      patch: { '$setElementOrder/containers': [{ name: 'c' }, { name: 'a' }] },
      want: { containers: [b, c, a] },
    },
    {
      name: 'adds, deletes and orders in one',
      live: { containers: [a, b, c] },
      patch: {
        '$setElementOrder/containers': [{ name: 'c' }, { name: 'd' }, { name: 'a' }],
        containers: [{ name: 'd' }, { name: 'b', $patch: 'delete' }],
      },
      want: { containers: [c, { name: 'd' }, a] },
    },
    {
      name: 'treats a list of scalars as a set',
      live: { tags: ['a', 'b'] },
      patch: { tags: ['c', 'b'] },
      want: { tags: ['c', 'a', 'b'] },
    },
    {
      name: 'deletes from a list of scalars and orders it',
      live: { tags: ['a', 'b', 'c'] },
      patch: {
        '$setElementOrder/tags': ['c', 'd', 'b'],
        '$deleteFromPrimitiveList/tags': ['a'],
        tags: ['d'],
      },
      want: { tags: ['c', 'd', 'b'] },
    },
    {
      name: 'keeps only the retained keys of a union',
      live: { strategy: { type: 'Rolling', rolling: { surge: 1 } } },
      patch: { strategy: { $retainKeys: ['type'], type: 'Recreate' } },
      want: { strategy: { type: 'Recreate' } },
    },
    {
      name: 'puts in a new value without nulls and directives',
      live: {},
      patch: {
        limits: { a: 1, b: null },
        containers: [
          { name: 'a', image: null },
          { name: 'b', $patch: 'delete' },
        ],
        '$setElementOrder/containers': [{ name: 'a' }],
        '$deleteFromPrimitiveList/tags': ['x'],
        strategy: { $retainKeys: ['type'], type: 'x' },
      },
      want: { limits: { a: 1 }, containers: [{ name: 'a' }], strategy: { type: 'x' } },
    },
    {
      name: 'deletes a list',
      live: { containers: [a], tags: ['a'] },
      patch: { '$setElementOrder/containers': [], containers: null, tags: null },
      want: {},
    },
  ];
  for (const { name, live, patch, want } of good) {
    it(name, () => {
      const before = JSON.stringify([live, patch]);
      expect(patchSpec(live, patch)).to.deep.equal(want);
      expect(JSON.stringify([live, patch])).to.equal(before);
    });
  }

  it('merges the lists of metadata, whatever the schema says', () => {
    const patched = applyStrategicMergePatch(
      { metadata: { finalizers: ['a', 'b'], ownerReferences: [{ uid: '1', name: 'x' }] } },
      {
        metadata: {
          '$deleteFromPrimitiveList/finalizers': ['a'],
          ownerReferences: [{ uid: '2' }, { uid: '1', $patch: 'delete' }],
        },
      },
      { type: 'object' },
    );
    expect(patched).to.deep.equal({ metadata: { finalizers: ['b'], ownerReferences: [{ uid: '2' }] } });
  });

  const bad: { name: string; live?: object; patch: object; text: string }[] = [
    { name: 'an unknown directive', patch: { $patch: 'x' }, text: 'unknown patch type "x"' },
    {
      name: 'an unknown directive in a list',
      live: { containers: [a] },
      patch: { containers: [{ name: 'a', $patch: 'x' }] },
      text: 'unknown patch type "x"',
    },
    {
      name: 'a deletion without key',
      live: { containers: [a] },
      patch: { containers: [{ $patch: 'delete' }] },
      text: 'delete patch type with no merge key defined',
    },
    {
      name: 'merge on a list',
      live: { containers: [a] },
      patch: { containers: [{ name: 'a', $patch: 'merge' }] },
      text: 'merging lists cannot yet be specified',
    },
    {
      name: 'an item without key',
      live: { containers: [a] },
      patch: { containers: [{ image: 'x' }] },
      text: 'does not contain declared merge key: name',
    },
    {
      name: 'an order that the list contradicts',
      live: { containers: [a] },
      patch: {
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
        containers: [{ name: 'b' }, { name: 'a' }],
      },
      text: "doesn't match $setElementOrder list",
    },
    {
      name: 'an order that is no list',
      live: { containers: [a] },
      patch: { '$setElementOrder/containers': {} },
      text: 'must be a list',
    },
    {
      name: 'keys that are not retained',
      live: { strategy: {} },
      patch: { strategy: { $retainKeys: ['type'], rolling: {} } },
      text: 'not in its own $retainKeys',
    },
  ];
  for (const { name, live = {}, patch, text } of bad) {
    it(`refuses ${name}`, () => {
      expect(() => patchSpec(live, patch))
        .to.throw(StatusError, text)
        .with.property('code', 400);
    });
  }

  it('refuses what is no object', () => {
    expect(() => applyStrategicMergePatch({}, [], widgetSchema)).to.throw(StatusError, 'must be an object');
  });

  it('does as a merge patch where nothing has a merge key', () => {
    const key = fc.constantFrom('a', 'b', 'c');
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 3 },
        fc.constantFrom(0, 1, 'x'),
        fc.array(fc.constantFrom(1, 2), { maxLength: 2 }),
        fc.dictionary(key, tie('value'), { maxKeys: 3 }),
      ),
    }));
    const object = fc.dictionary(key, value, { maxKeys: 3 });
    fc.assert(
      fc.property(object, object, (from, to) => {
        const patch = createMergePatch(from, to);
        expect(equal(applyStrategicMergePatch(from, patch, {}), to)).to.equal(true);
      }),
    );
  });

  it('leads from one list to another with a patch made as kubectl makes it', () => {
    const item = fc.record({ name: fc.constantFrom('a', 'b', 'c', 'd'), image: fc.constantFrom('1', '2') });
    const list = fc.uniqueArray(item, { selector: (one) => one.name, minLength: 1 });
    const tags = fc.uniqueArray(fc.constantFrom('p', 'q', 'r'), { minLength: 1 });
    fc.assert(
      fc.property(list, list, tags, tags, (from, to, fromTags, toTags) => {
        const names = new Set(to.map((one) => one.name));
        const patch = {
          '$setElementOrder/containers': to.map(({ name }) => ({ name })),
          '$setElementOrder/tags': toTags,
          '$deleteFromPrimitiveList/tags': fromTags.filter((tag) => !toTags.includes(tag)),
          containers: [
            ...to.filter((one) => !from.some((other) => equal(one, other))),
            ...from.filter((one) => !names.has(one.name)).map(({ name }) => ({ name, $patch: 'delete' })),
          ],
          tags: toTags.filter((tag) => !fromTags.includes(tag)),
        };
        const live = { containers: from, tags: fromTags };
        const copy = clone(live);
        expect(patchSpec(live, patch)).to.deep.equal({ containers: to, tags: toTags });
        expect(live).to.deep.equal(copy);
      }),
    );
  });

  it('answers the very object when the patch changes nothing', () => {
    const live = { spec: { containers: [a, b], tags: ['a'], strategy: { type: 'x' } } };
    const patch = {
      spec: {
        '$setElementOrder/containers': [{ name: 'a' }, { name: 'b' }],
        containers: [{ name: 'a', image: '1' }],
        strategy: { $retainKeys: ['type'], type: 'x' },
      },
    };
    expect(applyStrategicMergePatch(live, patch, widgetSchema)).to.equal(live);
  });
});
