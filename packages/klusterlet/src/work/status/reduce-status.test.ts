import { findCondition, type ManifestCondition, type ManifestWorkStatus } from '@flotilla/api';
import { expect } from 'chai';
import { maxReduction, reduceStatus } from './reduce-status.js';

const lastTransitionTime = '2026-01-01T00:00:00Z';

function entry(
  ordinal: number,
  { isWell = true, ...rest }: Partial<ManifestCondition> & { isWell?: boolean },
) {
  const status = isWell ? ('True' as const) : ('False' as const);
  const condition = (type: string) => ({
    ...{ type, status, reason: 'R', message: 'm'.repeat(1000), lastTransitionTime },
  });
  return {
    resourceMeta: { ordinal, group: '', version: 'v1', kind: 'X', resource: 'xs', name: `x-${ordinal}` },
    conditions: ['Applied', 'Available', 'StatusFeedbackSynced', 'Healthy'].map(condition),
    statusFeedback: { values: [{ name: 'v', fieldValue: { type: 'Integer' as const, integer: 1 } }] },
    ...rest,
  };
}

const whole: ManifestWorkStatus = {
  conditions: [{ type: 'Applied', status: 'False', reason: 'R', message: 'of the work', lastTransitionTime }],
  resourceStatus: { manifests: [entry(0, {}), entry(1, { isWell: false }), entry(2, {})] },
};

describe('a status that is too large for the hub', () => {
  const reduced = (reduction: number, status = whole): ManifestWorkStatus =>
    reduceStatus(status, { reduction, atMs: 0 });
  const shape = (status: ManifestWorkStatus): unknown[] =>
    (status.resourceStatus?.manifests ?? []).map(({ resourceMeta, conditions, statusFeedback }) => [
      resourceMeta.ordinal,
      conditions.map(({ type, message }) => `${type} ${message.length}`),
      statusFeedback === undefined ? 'none' : 'feedback',
    ]);
  const all = (length: number) =>
    ['Applied', 'Available', 'StatusFeedbackSynced', 'Healthy'].map((type) => `${type} ${length}`);
  const few = ['Applied 0', 'Available 0'];

  it('is sent as it is when it is not', () => {
    expect(reduced(0)).to.equal(whole);
  });

  it('loses details of manifests that are well first, then feedback, then manifests that are well', () => {
    expect(shape(reduced(1))).to.deep.equal([
      [0, few, 'feedback'],
      [1, all(1000), 'feedback'],
      [2, few, 'feedback'],
    ]);
    const short = all(512).filter((text) => !text.startsWith('StatusFeedback'));
    expect(shape(reduced(2))).to.deep.equal([
      [0, few, 'none'],
      [1, short, 'none'],
      [2, few, 'none'],
    ]);
    expect(shape(reduced(3))).to.deep.equal([[1, short, 'none']]);
  });

  it('says so, keeps the conditions of the work, and takes that back when all fits again', () => {
    for (let reduction = 1; reduction <= maxReduction; reduction++) {
      const { conditions } = reduced(reduction);
      expect(findCondition(conditions, 'Applied')?.message).to.equal('of the work');
      const said = findCondition(conditions, 'StatusComplete');
      expect(said?.status).to.equal('False');
      expect(said?.message).to.match(/^The status of 3 manifests is too large for the hub: details/);
    }
    expect(reduced(0, { ...whole, conditions: reduced(1).conditions ?? [] })).to.deep.equal(whole);
  });

  it('keeps what rules said in every step: what is complete must stay complete', () => {
    const complete = {
      ...{ type: 'Complete', status: 'True' as const, reason: 'ConditionRuleEvaluated', message: 'm' },
      lastTransitionTime,
    };
    const done = entry(0, {});
    const status = {
      resourceStatus: { manifests: [{ ...done, conditions: [...done.conditions, complete] }] },
    };
    for (let reduction = 1; reduction <= maxReduction; reduction++) {
      const [kept] = reduced(reduction, status).resourceStatus?.manifests ?? [];
      expect(findCondition(kept?.conditions, 'Complete')?.status).to.equal('True');
    }
  });

  it('is the same when it is reduced again: nothing is sent twice', () => {
    for (let reduction = 1; reduction <= maxReduction; reduction++) {
      const once = reduced(reduction);
      const { manifests = [] } = reduceStatus(once, { reduction, atMs: 5 }).resourceStatus ?? {};
      expect(manifests).to.deep.equal(once.resourceStatus?.manifests);
    }
  });
});
