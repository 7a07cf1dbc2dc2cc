import type { FeedbackValue } from '@flotilla/api';
import { expect } from 'chai';
import { boundFeedback, maxFeedbackBytes } from './bound-feedback.js';
import type { ManifestObservation } from './observation.js';

const text = (name: string, length: number): FeedbackValue => ({
  name,
  fieldValue: { type: 'String', string: 'x'.repeat(length) },
});
const fine = { status: 'True', reason: 'StatusFeedbackSynced', message: '' } as const;
const observed = (...values: FeedbackValue[]): ManifestObservation => ({
  meta: { ordinal: 0 },
  applied: fine,
  available: fine,
  feedback: { values, judgement: fine },
  rules: undefined,
  health: undefined,
});

describe('the size of what feedback rules report', () => {
  it('is left alone while all values of a work fit', () => {
    const all = [observed(text('a', 100)), observed(text('b', maxFeedbackBytes - 200))];
    const bounded = boundFeedback(all);
    expect(bounded[0]).to.equal(all[0]);
    expect(bounded[1]).to.equal(all[1]);
  });

  it('leaves out what does not fit, keeps what does, and names what is missing', () => {
    const half = maxFeedbackBytes / 2;
    const [first, second] = boundFeedback([
      observed(text('a', half)),
      observed(text('b', half), text('c', 10)),
    ]);
    expect(first?.feedback?.values.map(({ name }) => name)).to.deep.equal(['a']);
    expect(second?.feedback?.values.map(({ name }) => name)).to.deep.equal(['c']);
    expect(second?.feedback?.judgement).to.deep.equal({
      status: 'False',
      reason: 'StatusFeedbackSyncFailed',
      message:
        'Sync status feedback failed with error the values of a work may have no more than 262144 bytes together, too long: b',
    });
  });
});
