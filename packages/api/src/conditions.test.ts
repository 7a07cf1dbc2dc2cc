import { expect } from 'chai';
import {
  findCondition,
  isConditionFalse,
  isConditionTrue,
  removeCondition,
  setCondition,
} from './conditions.js';
import type { Condition } from './object.js';

const old: Condition = {
  type: 'Applied',
  status: 'True',
  reason: 'Done',
  message: 'ok',
  lastTransitionTime: '2026-01-01T00:00:00Z',
  observedGeneration: 1,
};
const other: Condition = { ...old, type: 'Other' };
const now = Date.UTC(2026, 5, 1);

describe('conditions', () => {
  it('appends a new condition with the time of now', () => {
    const { lastTransitionTime: _, ...update } = old;
    expect(setCondition(undefined, update, now)).to.deep.equal([
      { ...old, lastTransitionTime: '2026-06-01T00:00:00Z' },
    ]);
  });

  it('keeps the transition time and the place when only the words change', () => {
    const list = [old, other];
    const next = setCondition(list, { ...old, message: 'still ok', observedGeneration: 2 }, now);
    expect(next).to.deep.equal([{ ...old, message: 'still ok', observedGeneration: 2 }, other]);
    expect(list[0]).to.equal(old);
  });

  it('moves the transition time when the status changes', () => {
    const next = setCondition([old], { ...old, status: 'False' }, now);
    expect(next).to.deep.equal([{ ...old, status: 'False', lastTransitionTime: '2026-06-01T00:00:00Z' }]);
  });

  it('returns the same list when nothing changed', () => {
    const list = [other, old];
    expect(setCondition(list, { ...old }, now)).to.equal(list);
    expect(removeCondition(list, 'Missing')).to.equal(list);
  });

  it('drops an observedGeneration that the update does not have', () => {
    const { observedGeneration: _, lastTransitionTime: __, ...update } = old;
    expect(setCondition([old], update, now)[0]).to.not.have.property('observedGeneration');
  });

  it('finds, judges and removes', () => {
    const object = { status: { conditions: [old, { ...other, status: 'False' as const }] } };
    expect(findCondition(object.status.conditions, 'Applied')).to.equal(old);
    expect(findCondition(undefined, 'Applied')).to.equal(undefined);
    expect(isConditionTrue(object, 'Applied')).to.equal(true);
    expect(isConditionTrue(object, 'Other')).to.equal(false);
    expect(isConditionFalse(object, 'Other')).to.equal(true);
    expect(isConditionFalse(object, 'Missing')).to.equal(false);
    expect(isConditionTrue({}, 'Applied')).to.equal(false);
    expect(removeCondition([old, other], 'Applied')).to.deep.equal([other]);
  });
});
