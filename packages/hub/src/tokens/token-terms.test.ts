import { matchesNames } from '@flotilla/api';
import { expect } from 'chai';
import {
  labelsOfTerms,
  problemOfTerms,
  readTerms,
  type TokenTerms,
  termsToAnnotations,
} from './token-terms.js';

const whole: TokenTerms = {
  names: 'edge-*',
  approve: true,
  labels: { region: 'north' },
  clusterSet: 'shops',
  servers: ['https://a.example:6443', 'https://b.example:6443'],
};

describe('terms of a bootstrap token', () => {
  for (const terms of [whole, {}, { approve: true }, { labels: { a: '' } }] as const) {
    it(`are read as they were written: ${Object.keys(terms).join(', ') || 'none'}`, () => {
      const secret = {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { annotations: termsToAnnotations(terms) },
      };
      expect(readTerms(secret)).to.deep.equal(terms);
    });
  }
  it('count as not given when somebody spoiled them', () => {
    const annotations = { 'flotilla.dev/token-labels': '{', 'flotilla.dev/token-approves': 'maybe' };
    expect(readTerms({ apiVersion: 'v1', kind: 'Secret', metadata: { annotations } })).to.deep.equal({});
  });
  it('become labels of the cluster', () => {
    expect(labelsOfTerms(whole)).to.deep.equal({
      region: 'north',
      'cluster.open-cluster-management.io/clusterset': 'shops',
    });
  });
  for (const [terms, says] of [
    [{ names: 'Edge?' }, /--names/],
    [{ labels: { 'a b': 'c' } }, /--label is refused/],
    [{ labels: { 'cluster.open-cluster-management.io/clusterset': 'x' } }, /--cluster-set/],
    [{ clusterSet: 'A' }, /--cluster-set is refused/],
  ] as const) {
    it(`are refused when they cannot be kept: ${JSON.stringify(terms)}`, () => {
      expect(problemOfTerms(terms as TokenTerms)).to.match(says);
    });
  }
  it('match names by stars alone', () => {
    expect(matchesNames('edge-*', 'edge-1')).to.equal(true);
    expect(matchesNames('edge-*', 'ledge-1')).to.equal(false);
    expect(matchesNames('*', 'anything')).to.equal(true);
    expect(matchesNames('a*c*e', 'abcde')).to.equal(true);
    expect(matchesNames('a*c*e', 'abcd')).to.equal(false);
    expect(matchesNames('one', 'one')).to.equal(true);
  });
});
