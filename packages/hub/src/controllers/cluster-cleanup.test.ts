import { cleanupPriorityAnnotation, type KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { nextCleanupStep } from './cluster-cleanup.js';

function object(name: string, options: { priority?: string; deleting?: boolean } = {}): KubeObject {
  const { priority, deleting = false } = options;
  return {
    apiVersion: 'v1',
    kind: 'Thing',
    metadata: {
      name,
      ...(priority !== undefined && { annotations: { [cleanupPriorityAnnotation]: priority } }),
      ...(deleting && { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    },
  };
}

function step(addons: readonly KubeObject[], works: readonly KubeObject[]) {
  const next = nextCleanupStep([
    { kind: 'addons', objects: addons },
    { kind: 'works', objects: works },
  ]);
  return next && { ...next, doomed: next.doomed.map(({ metadata }) => metadata.name) };
}

describe('the cleanup of a deleted cluster', () => {
  it('takes add-ons before works', () => {
    expect(step([object('a')], [object('w')])).to.deep.equal({ kind: 'addons', left: 1, doomed: ['a'] });
    expect(step([], [object('w')])).to.deep.equal({ kind: 'works', left: 1, doomed: ['w'] });
    expect(step([], [])).to.equal(undefined);
  });

  it('waits for a kind that is still going', () => {
    expect(step([object('a', { deleting: true })], [object('w')])).to.deep.equal({
      kind: 'addons',
      left: 1,
      doomed: [],
    });
  });

  it('takes the lowest priority first, and waits until all of it is gone', () => {
    const late = object('late', { priority: '10' });
    expect(step([], [late, object('none'), object('odd', { priority: 'soon' })])?.doomed).to.deep.equal([
      'none',
      'odd',
    ]);
    expect(step([], [late, object('none', { deleting: true })])?.doomed).to.deep.equal([]);
    expect(step([], [late])?.doomed).to.deep.equal(['late']);
    expect(step([], [late, object('early', { priority: '-1' })])?.doomed).to.deep.equal(['early']);
  });
});
