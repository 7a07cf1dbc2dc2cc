/** Random objects and changes against what a plan shows: bounded, and never the value of a Secret. */
import type { KubeObject } from '@flotilla/api';
import { describeFieldChange } from '@flotilla/api';
import { fuzz, mutated } from '@flotilla/api/testing';
import fc from 'fast-check';
import { fieldChanges, maxChangesOfObject } from './field-changes.js';

const hidden = 'hunter2-hunter2';
const secret = {
  apiVersion: 'v1',
  kind: 'Secret',
  metadata: {
    name: 's',
    labels: { a: 'b' },
    annotations: {
      'kubectl.kubernetes.io/last-applied-configuration': `{"stringData":{"p":"${hidden}"}}`,
      note: 'n',
    },
  },
  type: 'Opaque',
  data: { password: hidden, token: 'eA==' },
  stringData: { other: `${hidden}!`, more: ['x', hidden] },
};
const others = [
  {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'c' },
    data: Object.fromEntries(Array.from({ length: 80 }, (_, at) => [`k${at}`, 'v'])),
  },
  {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'p' },
    spec: { containers: [{ name: 'a', image: 'x'.repeat(3000) }, { name: 'b' }] },
  },
];
const named = (value: unknown): KubeObject => {
  const object = typeof value === 'object' && value !== null ? (value as KubeObject) : ({} as KubeObject);
  const metadata = typeof object.metadata === 'object' && object.metadata !== null ? object.metadata : {};
  return { ...object, metadata: { ...metadata, ownerReferences: [] } };
};

describe('fuzzed plans', () => {
  fuzz({
    name: 'secrets in plans',
    cases: fc.tuple(mutated([secret], 3), mutated([secret], 3)),
    check: ([before, after]) => {
      const both = [named(before), named(after)].map((each) => ({
        ...each,
        apiVersion: 'v1',
        kind: 'Secret',
      }));
      const [was = secret, is = secret] = both as KubeObject[];
      const { changes } = fieldChanges(was as KubeObject, is as KubeObject);
      // A value that somebody moved out of the fields of secrets is none any more.
      const elsewhere = JSON.stringify(
        both.map(({ data: _, stringData: __, metadata, ...rest }: KubeObject) => [
          rest,
          {
            ...metadata,
            annotations: { ...metadata.annotations, 'kubectl.kubernetes.io/last-applied-configuration': '' },
          },
        ]),
      );
      if (!elsewhere.includes(hidden) && JSON.stringify(changes).includes(hidden))
        throw new Error('a secret is shown');
    },
  });

  fuzz({
    name: 'field changes',
    cases: fc.tuple(mutated(others, 4), mutated(others, 4)),
    check: ([before, after]) => {
      const { changes, more } = fieldChanges(named(before), named(after));
      if (changes.length > maxChangesOfObject || more < 0) throw new Error('too many');
      for (const each of changes) if (describeFieldChange(each).length > 2000) throw new Error('too long');
    },
  });
});
