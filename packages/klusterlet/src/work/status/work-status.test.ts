import type { FeedbackRule, KubeObject, ManifestWorkStatus } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { readFeedback } from './feedback.js';
import type { Judgement, ManifestObservation, WorkObservation } from './observation.js';
import { planDeletingStatus, planWorkStatus } from './work-status.js';

const applied: Judgement = {
  status: 'True',
  reason: 'AppliedManifestComplete',
  message: 'Apply manifest complete',
};
const available: Judgement = {
  status: 'True',
  reason: 'ResourceAvailable',
  message: 'Resource is available',
};
const healthy: Judgement = { status: 'True', reason: 'HealthCurrent', message: 'The object exists' };
const noFeedback = {
  values: [],
  judgement: { status: 'True', reason: 'NoStatusFeedbackSynced', message: '' },
} as const;

function manifest(name: string, change: Partial<ManifestObservation> = {}): ManifestObservation {
  const meta = { ordinal: 0, group: '', version: 'v1', kind: 'X', resource: 'xs', name, namespace: 'd' };
  return { meta, applied, available, feedback: noFeedback, rules: [], health: healthy, ...change };
}

function observe(manifests: readonly ManifestObservation[], generation = 1, atMs = 0): WorkObservation {
  const placed = manifests.map((each, ordinal) => ({ ...each, meta: { ...each.meta, ordinal } }));
  return { uid: 'u', generation, manifests: placed, observedAtMs: atMs };
}

/** OCM's conditions; those about health have tests of their own. */
const short = (status: ManifestWorkStatus): unknown[] =>
  (status.conditions ?? []).flatMap(({ type, status: value, reason, message }) =>
    reason.startsWith('Health') ? [] : [[type, value, reason, message]],
  );

describe('status of a work', () => {
  const failed: Judgement = { status: 'False', reason: 'AppliedManifestFailed', message: 'no' };
  const absent: Judgement = {
    status: 'False',
    reason: 'ResourceNotAvailable',
    message: 'Resource is not available',
  };
  const unknown: Judgement = { status: 'Unknown', reason: 'FetchingResourceFailed', message: 'x' };
  const cases: [string, ManifestObservation[], unknown[]][] = [
    [
      'all well',
      [manifest('a')],
      [
        ['Applied', 'True', 'AppliedManifestWorkComplete', 'Apply manifest work complete'],
        ['Available', 'True', 'ResourcesAvailable', 'All resources are available'],
      ],
    ],
    [
      'one failed',
      [manifest('a'), manifest('b', { applied: failed, available: absent })],
      [
        ['Applied', 'False', 'AppliedManifestWorkFailed', 'Failed to apply manifest work'],
        ['Available', 'False', 'ResourcesNotAvailable', '1 of 2 resources are not available'],
      ],
    ],
    [
      'one unknown',
      [manifest('a', { available: unknown })],
      [
        ['Applied', 'True', 'AppliedManifestWorkComplete', 'Apply manifest work complete'],
        ['Available', 'Unknown', 'ResourcesStatusUnknown', '1 of 1 resources have unknown status'],
      ],
    ],
    [
      'no manifests',
      [],
      [['Available', 'Unknown', 'ResourcesStatusUnknown', 'cannot get any available resource ']],
    ],
  ];
  for (const [what, manifests, conditions] of cases) {
    it(`with ${what}`, () => {
      expect(short(planWorkStatus(undefined, observe(manifests)))).to.deep.equal(conditions);
    });
  }

  it('starts Applied over with each generation, at the end of the list, and moves no other time', () => {
    const first = planWorkStatus(undefined, observe([manifest('a')], 1, 0));
    const second = planWorkStatus(first, observe([manifest('a')], 2, 60_000));
    const [entry] = second.resourceStatus?.manifests ?? [];
    expect(entry?.conditions.map(({ type, lastTransitionTime }) => [type, lastTransitionTime])).to.deep.equal(
      [
        ['Available', '1970-01-01T00:00:00Z'],
        ['StatusFeedbackSynced', '1970-01-01T00:00:00Z'],
        ['Healthy', '1970-01-01T00:00:00Z'],
        ['Applied', '1970-01-01T00:01:00Z'],
      ],
    );
    expect(new Set(second.conditions?.map(({ observedGeneration }) => observedGeneration))).to.deep.equal(
      new Set([2]),
    );
    expect(second.conditions?.[0]?.lastTransitionTime).to.equal('1970-01-01T00:00:00Z');
  });

  it('carries what was reported over when the list is reordered, and drops what is gone', () => {
    const values = [{ name: 'v', fieldValue: { type: 'Integer', integer: 1 } }] as const;
    const withValues = { ...noFeedback, values };
    const first = planWorkStatus(
      undefined,
      observe([manifest('a', { feedback: withValues }), manifest('b')]),
    );
    const moved = observe([manifest('c'), manifest('a', { feedback: undefined })], 1, 60_000);
    const second = planWorkStatus(first, moved);
    expect(second.resourceStatus?.manifests?.map(({ resourceMeta }) => resourceMeta.name)).to.deep.equal([
      'c',
      'a',
    ]);
    expect(second.resourceStatus?.manifests?.[1]?.statusFeedback?.values).to.deep.equal(values);
  });

  it('moves the time of StatusFeedbackSynced with each new value', () => {
    const value = (integer: number) => ({
      ...noFeedback,
      values: [{ name: 'v', fieldValue: { type: 'Integer', integer } }] as const,
    });
    const first = planWorkStatus(undefined, observe([manifest('a', { feedback: value(1) })], 1, 0));
    const second = planWorkStatus(first, observe([manifest('a', { feedback: value(2) })], 1, 60_000));
    const synced = second.resourceStatus?.manifests?.[0]?.conditions.find(
      ({ type }) => type === 'StatusFeedbackSynced',
    );
    expect(synced?.lastTransitionTime).to.equal('1970-01-01T00:01:00Z');
  });

  it('sums condition rules up, and drops those that the work has not any more', () => {
    const rule = (status: 'True' | 'False') => ({
      rules: [{ type: 'Complete', status, reason: 'ConditionRuleEvaluated', message: 'm' }],
    });
    const first = planWorkStatus(
      undefined,
      observe([manifest('a', rule('True')), manifest('b', rule('False'))]),
    );
    expect(short(first)[2]).to.deep.equal([
      'Complete',
      'False',
      'ConditionRulesAggregated',
      'Aggregated from 2 manifest conditions',
    ]);
    const second = planWorkStatus(first, observe([manifest('a'), manifest('b')]));
    expect(short(second).length).to.equal(2);
  });

  it('is the same when nothing new was observed, whatever it was before', () => {
    const judgement = fc.constantFrom(applied, failed);
    const one = fc
      .tuple(fc.constantFrom('a', 'b', 'c'), judgement, fc.constantFrom(available, absent, unknown))
      .map(([name, a, b]) => manifest(name, { applied: a, available: b }));
    const list = fc.uniqueArray(one, { selector: ({ meta }) => meta.name });
    fc.assert(
      fc.property(list, list, fc.nat(2), (before, after, generation) => {
        const old = planWorkStatus(undefined, observe(before, 1, 0));
        const next = planWorkStatus(old, observe(after, generation, 60_000));
        expect(planWorkStatus(next, observe(after, generation, 120_000))).to.deep.equal(next);
      }),
    );
  });

  it('only adds Deleting to what was reported', () => {
    const old = planWorkStatus(undefined, observe([manifest('a')]));
    const deleting = planDeletingStatus(old, { sinceMs: 0, heldBy: [] });
    expect(deleting.resourceStatus).to.deep.equal(old.resourceStatus);
    expect(short(deleting)[2]).to.deep.equal([
      'Deleting',
      'True',
      'WorkDeleting',
      'ManifestWork is being deleted',
    ]);
  });

  it('tells what holds a deletion up, ten of it at most', () => {
    const message = (heldBy: string[]): string | undefined =>
      planDeletingStatus(undefined, { sinceMs: 0, heldBy }).conditions?.[0]?.message;
    expect(message(['a is held', 'b is held'])).to.equal(
      'ManifestWork is being deleted: a is held; b is held',
    );
    const many = Array.from({ length: 12 }, (_, i) => `o${i}`);
    expect(message(many)).to.equal(
      'ManifestWork is being deleted: o0; o1; o2; o3; o4; o5; o6; o7; o8; o9; and 2 more',
    );
    expect(message(['x'.repeat(40_000)])?.length).to.equal(32_768);
  });
});

describe('status feedback', () => {
  const object: KubeObject = {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web' },
    status: {
      readyReplicas: 2,
      replicas: 3,
      paused: false,
      name: 'x',
      ratio: 0.5,
      list: [{ a: 1 }, { a: 2 }],
    },
  };
  const path = (name: string, text: string, version?: string): FeedbackRule => ({
    type: 'JSONPaths',
    jsonPaths: [{ name, path: text, ...(version !== undefined && { version }) }],
  });
  const plain = { rawJson: false, maxJsonRawLength: 1024 };

  it('knows the well-known ones', () => {
    expect(readFeedback(object, [{ type: 'WellKnownStatus' }], plain)).to.deep.equal({
      values: [
        { name: 'ReadyReplicas', fieldValue: { type: 'Integer', integer: 2 } },
        { name: 'Replicas', fieldValue: { type: 'Integer', integer: 3 } },
      ],
      problems: [],
    });
  });

  const cases: [string, FeedbackRule, unknown[], RegExp | undefined][] = [
    ['a boolean', path('p', '.status.paused'), [{ type: 'Boolean', boolean: false }], undefined],
    ['a string', path('n', '.status.name'), [{ type: 'String', string: 'x' }], undefined],
    ['nothing', path('z', '.status.zzz'), [], undefined],
    ['the first of several', path('a', '.status.list[*].a'), [{ type: 'Integer', integer: 1 }], undefined],
    ['a float', path('r', '.status.ratio'), [], /^the type float64 of the value for r is not found$/],
    [
      'a list',
      path('l', '.status.list'),
      [],
      /^the type \[\]interface \{\} of the value for l is not found$/,
    ],
    ['a broken path', path('b', '.status['), [], /^failed to parse json path/],
    ['another version', path('v', '.status.name', 'v2'), [], /version set in the path v/],
  ];
  for (const [what, rule, values, problem] of cases) {
    it(`reports ${what}`, () => {
      const found = readFeedback(object, [rule], plain);
      expect(found.values.map(({ fieldValue }) => fieldValue)).to.deep.equal(values);
      if (problem === undefined) expect(found.problems).to.deep.equal([]);
      else expect(found.problems[0]).to.match(problem);
    });
  }

  it('reports anything as JSON where that is on, within its limit', () => {
    const raw = { rawJson: true, maxJsonRawLength: 20 };
    const [value] = readFeedback(object, [path('l', '.status.list[*].a')], raw).values;
    expect(value?.fieldValue).to.deep.equal({ type: 'JsonRaw', jsonRaw: '[1,2]' });
    const unsorted = { ...object, status: { z: [{ b: 1, a: 2 }], c: true } };
    const [sorted] = readFeedback(unsorted, [path('s', '.status')], { ...raw, maxJsonRawLength: 99 }).values;
    expect(sorted?.fieldValue.jsonRaw).to.equal('{"c":true,"z":[{"a":2,"b":1}]}');
    expect(readFeedback(object, [path('s', '.status')], raw).problems[0]).to.contain(
      'larger than the limit 20',
    );
  });

  it('keeps one value of a name, and good values beside a failure', () => {
    const found = readFeedback(
      object,
      [path('n', '.status.name'), path('n', '.kind'), path('x', '[')],
      plain,
    );
    expect(found.values.length).to.equal(1);
    expect(found.problems.length).to.equal(1);
  });
});
