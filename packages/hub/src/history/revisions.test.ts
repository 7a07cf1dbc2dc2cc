import type { KubeObject, ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { generationsOf, historyLimitOf, maxHistoryBytes, planHistory, revisionOf } from './revisions.js';

function work(
  generation: number,
  data = `v${generation}`,
  annotations: Record<string, string> = {},
): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'web', namespace: 'c1', uid: 'u1', generation, annotations },
    spec: { workload: { manifests: [{ apiVersion: 'v1', kind: 'ConfigMap', data }] } },
  } as unknown as ManifestWork; // the schema's type of any manifest
}

/** The history after each work was replaced in turn. */
function historyOf(works: readonly ManifestWork[], limit = 10): KubeObject[] {
  let kept: KubeObject[] = [];
  for (const each of works) {
    const { create, remove } = planHistory(kept, { ending: revisionOf(each), limit });
    kept = [...kept, ...(create ? [create as KubeObject] : [])];
    kept = kept.filter(({ metadata }) => !remove.includes(metadata.name ?? ''));
  }
  return kept;
}

const shown = (kept: readonly KubeObject[]): number[][] => kept.map(generationsOf);

describe('the history of a work', () => {
  it('is owned by the work and tells who made each generation', () => {
    const revision = revisionOf(
      work(3, 'x', { 'flotilla.dev/changed-by': 'ann', 'flotilla.dev/changed-at': '2026-01-01T00:00:00Z' }),
    );
    expect(revision.metadata.name).to.match(/^web-[0-9a-f]{8}-3$/);
    expect(revision.metadata.ownerReferences).to.deep.equal([
      { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork', name: 'web', uid: 'u1' },
    ]);
    expect(revision.spec).to.deep.equal({
      workName: 'web',
      generation: 3,
      changedBy: 'ann',
      changedAt: '2026-01-01T00:00:00Z',
      workSpec: work(3, 'x').spec,
    });
  });

  it('has names that a server takes, of works with the longest', () => {
    const named = {
      ...work(1),
      metadata: { ...work(1).metadata, name: `${'a'.repeat(199)}.${'b'.repeat(53)}` },
    };
    expect(revisionOf(named).metadata.name).to.match(/^a{199}-[0-9a-f]{8}-1$/);
  });

  it('keeps as many as it is told, newest last', () => {
    const works = Array.from({ length: 15 }, (_, at) => work(at + 1));
    expect(shown(historyOf(works))).to.deep.equal([6, 7, 8, 9, 10, 11, 12, 13, 14, 15].map((each) => [each]));
    expect(shown(historyOf(works, 2))).to.deep.equal([[14], [15]]);
    expect(historyOf(works, 0)).to.deep.equal([]);
  });

  it('keeps one of a spec that the work had several times', () => {
    const works = [1, 2, 3, 4, 5, 6].map((generation) => work(generation, generation % 2 ? 'a' : 'b'));
    expect(shown(historyOf(works))).to.deep.equal([
      [5, 3, 1],
      [6, 4, 2],
    ]);
  });

  it('takes two orders of keys for one spec', () => {
    const turned = work(2);
    turned.spec = { workload: { manifests: [{ data: 'v1', kind: 'ConfigMap', apiVersion: 'v1' } as never] } };
    expect(shown(historyOf([work(1), turned]))).to.deep.equal([[2, 1]]);
  });

  it('records a generation once, however often its end is attempted', () => {
    expect(shown(historyOf([work(1), work(1), work(1)]))).to.deep.equal([[1]]);
  });

  it('is bounded in bytes, but for the newest', () => {
    const large = (generation: number) => work(generation, String(generation).repeat(maxHistoryBytes / 4));
    expect(shown(historyOf([1, 2, 3, 4, 5, 6].map(large)))).to.deep.equal([[4], [5], [6]]);
    const huge = work(2, 'x'.repeat(maxHistoryBytes + 1));
    expect(shown(historyOf([work(1), huge]))).to.deep.equal([[2]]);
  });

  for (const [text, limit] of [
    [undefined, 10],
    ['0', 0],
    ['100', 100],
  ] as const) {
    it(`has the limit ${limit} with the annotation ${text}`, () => {
      expect(
        historyLimitOf(work(1, '', text === undefined ? {} : { 'flotilla.dev/history-limit': text })),
      ).to.equal(limit);
    });
  }

  for (const text of ['101', '-1', 'many', '']) {
    it(`refuses the limit ${JSON.stringify(text)}`, () => {
      expect(() => historyLimitOf(work(1, '', { 'flotilla.dev/history-limit': text }))).to.throw(
        `metadata.annotations[flotilla.dev/history-limit]: must be a whole number from 0 to 100, not ${JSON.stringify(text)}`,
      );
    });
  }
});
