import type { KubeObject } from '@flotilla/api';
import { applyMergePatch } from '@flotilla/api';
import { expect } from 'chai';
import { addForeign, isSpoiled, spoil, takenAway } from './foreign-fields.js';
import { type Item, toManifests } from './items.js';

const kinds = ['configmap', 'secret', 'cronjob', 'deployment', 'gadget'] as const;
const objectOf = (kind: Item['kind']): KubeObject => {
  const [object] = toManifests({ kind, name: 'a', strategy: 'Update' }, 'alpha.1');
  if (object === undefined) throw new Error(`${kind} has no manifest`);
  return object;
};
const patched = (object: KubeObject, patch: object): KubeObject =>
  applyMergePatch(object, patch) as KubeObject; // still an object

describe('fields of others', () => {
  for (const kind of kinds) {
    it(`are told from ours in a ${kind}`, () => {
      const object = objectOf(kind);
      for (const drift of ['change field', 'drop field'] as const) {
        const spoiled = patched(object, spoil(object, drift, 7));
        expect(isSpoiled(object, drift, 7), drift).to.equal(false);
        expect(isSpoiled(spoiled, drift, 7), drift).to.equal(true);
        expect(takenAway(object, spoiled), drift).to.deep.equal([]);
      }
      const more = patched(object, addForeign(object, 7));
      expect(takenAway(object, more)).to.deep.equal([]);
      expect(takenAway(more, object)).to.include('metadata.labels.foreign-7');
    });
  }

  it('are seen to go from data and labels', () => {
    const object = objectOf('configmap');
    const more = patched(object, { ...addForeign(object, 3), metadata: { labels: { count: '1' } } });
    expect(takenAway(more, object)).to.deep.equal(['metadata.labels.count', 'data.foreign-3']);
  });
});
