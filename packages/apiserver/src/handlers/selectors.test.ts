import { type KubeObject, matchesLabels, parseLabelSelector } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { encodeObject, wireBytes } from '../storage/codec.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject } from '../watch-cache/types.js';
import { parseSelection } from './selectors.js';
import { configMaps } from './testing/handler-test-kit.js';

const revision = 7n as Revision;

function cached(labels: Record<string, string>): CachedObject {
  const object: KubeObject = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'x', namespace: 'a', labels, resourceVersion: '7' },
    // What looks like a label is none here.
    data: { tier: 'high', 'a.io/b': 'x' },
  };
  const json = wireBytes(encodeObject(object), revision);
  return { key: '/registry/core/configmaps/a/x', namespace: 'a', name: 'x', revision, object, json };
}

const key = fc.constantFrom('tier', 'a.io/b', 'b', 'n');
const value = fc.constantFrom('high', 'low', 'x', '', '5', '10');
const requirement = fc.oneof(
  fc.tuple(key, fc.constantFrom('=', '==', '!='), value).map((parts) => parts.join('')),
  fc
    .tuple(
      key,
      fc.constantFrom('in', 'notin'),
      fc.array(fc.constantFrom('high', 'low', 'x'), { minLength: 1, maxLength: 3 }),
    )
    .map(([name, operator, values]) => `${name} ${operator} (${values.join(',')})`),
  key,
  key.map((name) => `!${name}`),
  fc.tuple(key, fc.constantFrom('>', '<'), fc.constantFrom('4', '7')).map((parts) => parts.join('')),
);

describe('selecting by labels', () => {
  it('finds in the bytes of objects what the labels themselves say', () => {
    fc.assert(
      fc.property(
        fc.array(requirement, { minLength: 1, maxLength: 3 }),
        fc.dictionary(key, value, { maxKeys: 4 }),
        (requirements, labels) => {
          const labelSelector = requirements.join(',');
          const { select } = parseSelection(configMaps, { labelSelector, fieldSelector: '' }, undefined);
          const expected = matchesLabels(parseLabelSelector(labelSelector), labels);
          expect(select?.(cached(labels)) ?? true).to.equal(expected);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('does not parse what cannot match', () => {
    const { select } = parseSelection(
      configMaps,
      { labelSelector: 'tier=low', fieldSelector: '' },
      undefined,
    );
    const { json } = cached({ tier: 'high' });
    const unread = {
      json,
      get object(): KubeObject {
        throw new Error('it was parsed');
      },
    } as CachedObject; // nothing else of it is looked at
    expect(select?.(unread)).to.equal(false);
  });
});
