import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { fieldChanges, maxChangesOfObject } from './field-changes.js';

const object = (more: object, metadata: object = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', ...metadata },
  ...more,
});
const changes = (before: object, after: object) => fieldChanges(object(before), object(after)).changes;

describe('changes of the fields of an object', () => {
  it('have paths, and values as JSON', () => {
    expect(
      changes({ data: { a: '1', 'b.c/d': 'x' }, n: 1 }, { data: { a: '2', e: '' }, n: 1 }),
    ).to.deep.equal([
      { path: 'data.a', from: '"1"', to: '"2"' },
      { path: 'data["b.c/d"]', from: '"x"' },
      { path: 'data.e', to: '""' },
    ]);
  });

  it('tell items of lists apart by name where they have one', () => {
    const items = (...images: [string, string][]) => ({
      list: images.map(([name, image]) => ({ name, image })),
    });
    expect(changes(items(['a', '1'], ['b', '1']), items(['b', '2'], ['a', '1'], ['c', '1']))).to.deep.equal([
      { path: 'list[name=b].image', from: '"1"', to: '"2"' },
      { path: 'list[name=c]', to: '{"name":"c","image":"1"}' },
    ]);
    expect(changes({ list: [1, 2] }, { list: [1, 3, 4] })).to.deep.equal([
      { path: 'list[1]', from: '2', to: '3' },
      { path: 'list[2]', to: '4' },
    ]);
  });

  it('leave out what a server writes on its own, and whose it is among works', () => {
    const owner = {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'AppliedManifestWork',
      name: 'w',
      uid: '1',
    };
    const before = object({ status: { a: 1 } }, { resourceVersion: '1', generation: 1, managedFields: [] });
    const after = object(
      { status: { a: 2 } },
      { resourceVersion: '2', generation: 2, ownerReferences: [owner] },
    );
    expect(fieldChanges(before, after)).to.deep.equal({ changes: [], more: 0 });
  });

  it('are bounded in number and length', () => {
    const data = Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`key${at}`, 'x'.repeat(1000)]));
    const found = fieldChanges(object({ data: {} }), object({ data }));
    expect(found.changes).to.have.length(maxChangesOfObject);
    expect(found.more).to.equal(80 - maxChangesOfObject);
    expect(Math.max(...found.changes.map(({ to = '' }) => to.length))).to.be.below(210);
  });
});
