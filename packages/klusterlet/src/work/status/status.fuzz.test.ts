/** Random live objects, rules and old statuses against what is reported. */
import type { ConditionRule, FeedbackRule, KubeObject, ManifestWorkStatus } from '@flotilla/api';
import { asJson, fuzz, mutated, mutatedText } from '@flotilla/api/testing';
import fc from 'fast-check';
import { healthOf } from '../health/health.js';
import { evaluateRules } from './condition-rules.js';
import { readFeedback } from './feedback.js';
import type { ManifestObservation } from './observation.js';
import { planDeletingStatus, planWorkStatus } from './work-status.js';

const kinds = [
  ...[
    'apps/v1 Deployment',
    'apps/v1 StatefulSet',
    'apps/v1 DaemonSet',
    'apps/v1 ReplicaSet',
    'batch/v1 Job',
    'v1 Pod',
  ],
  ...[
    'batch/v1 CronJob',
    'v1 PersistentVolumeClaim',
    'v1 Service',
    'v1 Namespace',
    'autoscaling/v2 HorizontalPodAutoscaler',
  ],
  ...[
    'apiextensions.k8s.io/v1 CustomResourceDefinition',
    'apiregistration.k8s.io/v1 APIService',
    'x.dev/v1 Thing',
  ],
];
const condition = {
  type: 'Ready',
  status: 'True',
  reason: 'R',
  message: 'm',
  lastTransitionTime: '2026-01-01T00:00:00Z',
};
const body = {
  metadata: { name: 'x', generation: 2, annotations: { a: 'b' }, deletionTimestamp: undefined },
  spec: {
    replicas: 2,
    updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 1 } },
    type: 'LoadBalancer',
  },
  data: { k: 'v', l: 'w' },
  status: {
    ...{
      observedGeneration: 2,
      replicas: 2,
      readyReplicas: 2,
      updatedReplicas: 2,
      availableReplicas: 2,
      phase: 'Bound',
    },
    conditions: [condition, { ...condition, type: 'Available' }, { ...condition, type: 'Progressing' }],
    loadBalancer: { ingress: [{ ip: '1.2.3.4' }] },
    containerStatuses: [{ name: 'c', ready: true, state: { waiting: { reason: 'CrashLoopBackOff' } } }],
  },
};
const live = fc.tuple(fc.constantFrom(...kinds), mutated([body], 5)).map(([kind, value]) => {
  const [apiVersion = '', name = ''] = kind.split(' ');
  const object = typeof value === 'object' && value !== null ? (value as KubeObject) : ({} as KubeObject);
  const metadata = typeof object.metadata === 'object' && object.metadata !== null ? object.metadata : {};
  return { ...object, apiVersion, kind: name, metadata: { ...metadata, name: 'x', generation: 2 } };
});

const jsonPath = mutatedText(
  [
    '.status.conditions[?(@.type=="Ready")].status',
    '.status..phase',
    '{.data.k}',
    '..*..*..*..*',
    '.a[0:9:2]',
    "['k']",
  ],
  [
    '.',
    '..',
    '*',
    '[',
    ']',
    '[*]',
    '?(@',
    '==',
    ')',
    '"',
    "'",
    ':',
    '-1',
    '0',
    ',',
    '{',
    '}',
    '$',
    '\\.',
    'status',
  ],
);
const cel = mutatedText(
  [
    'object.status.replicas == object.spec.replicas',
    'object.data.all(k, object.data.all(l, k != l || object.data[k] == ""))',
    'has(object.status) ? object.metadata.name.matches("(x+x+)+y") : false',
    '[1,2,3,4,5].all(a, [1,2,3,4,5].exists(b, [1,2,3].map(c, a*b*c).size() > 2))',
    'object.status.conditions.filter(c, c.type == "Ready").map(c, c.status)[0] == "True"',
    'duration("1h") > duration("1s") && timestamp("2026-01-01T00:00:00Z") < timestamp("2027-01-01T00:00:00Z")',
    'string(object.spec.replicas) + "x".replace("x", "yy")',
  ],
  [
    'object',
    '.',
    '(',
    ')',
    '[',
    ']',
    '{',
    '}',
    '"',
    "'",
    '&&',
    '||',
    '!',
    '?',
    ':',
    '+',
    '-',
    '*',
    '/',
    '%',
    'in',
    '1',
    '9223372036854775807',
    '1.5',
    'null',
    '.all(x, ',
    '.map(x, ',
    'size(',
    'string(',
    'b"',
    'r"',
    'dyn(',
    '.format([',
  ],
  3,
);
const rule = fc.record({
  condition: fc.constantFrom('Complete', 'Fine', 'Healthy', 'x'.repeat(400), '', 'a b'),
  type: fc.constantFrom('CEL' as const, 'WellKnownConditions' as const),
  celExpressions: fc.array(cel, { maxLength: 2 }),
  messageExpression: fc.oneof(cel, fc.constant('')),
  message: fc.constantFrom('', 'm'),
});
const judgement = fc.record({
  status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
  reason: fc.constantFrom('A', 'InProgress', 'Failed'),
  message: fc.oneof(
    { weight: 20, arbitrary: fc.string() },
    { weight: 1, arbitrary: fc.constantFrom('x'.repeat(40_000), '\u{1F600}'.repeat(20_000), '\ud800') },
  ),
});
const observation = fc.record({
  name: fc.constantFrom('a', 'b', '', undefined),
  applied: judgement,
  available: judgement,
  feedback: fc.option(
    fc.record({
      judgement,
      values: fc.constantFrom([], [{ name: 'v', fieldValue: { type: 'Integer' as const, integer: 1 } }]),
    }),
    { nil: undefined },
  ),
  rules: fc.option(
    fc.uniqueArray(
      fc
        .tuple(fc.constantFrom('Fine', 'Healthy', 'Complete', 'Progressing', 'Degraded'), judgement)
        .map(([type, rest]) => ({
          ...rest,
          type,
          reason: 'ConditionRuleEvaluated',
        })),
      { selector: ({ type }) => type, maxLength: 3 },
    ),
    { nil: undefined },
  ),
  health: fc.option(judgement, { nil: undefined }),
});

describe('fuzzed statuses', () => {
  fuzz({
    name: 'health',
    cases: live,
    past: [
      { status: { conditions: [{ type: 'Ready', status: { toString: 0 } }] } },
      {
        status: {
          phase: 'Pending',
          containerStatuses: [{ state: { waiting: { reason: { toString: 0 } } } }],
        },
      },
    ].map(({ status }) => ({
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'x', generation: 2 },
      status,
    })),
    check: (object) => {
      const { state, message } = healthOf(object);
      if (!['Current', 'InProgress', 'Failed', 'Terminating'].includes(state))
        throw new Error(`state ${state}`);
      if (/undefined|NaN/.test(message)) throw new Error(message);
    },
  });

  fuzz({
    name: 'feedback',
    cases: fc.tuple(
      live,
      fc.array(fc.tuple(jsonPath, fc.constantFrom('a', 'b', '__proto__')), { maxLength: 3 }),
      fc.boolean(),
    ),
    check: ([object, paths, rawJson]) => {
      const jsonPaths = paths.map(([path, name]) => ({ name, path }));
      const rules: FeedbackRule[] = [{ type: 'JSONPaths', jsonPaths }, { type: 'WellKnownStatus' }];
      const { values } = readFeedback(object, rules, { rawJson, maxJsonRawLength: 1024 });
      const names = values.map(({ name }) => name);
      if (new Set(names).size < names.length) throw new Error('a name is reported twice');
      for (const { fieldValue } of values) {
        const set = (['integer', 'string', 'boolean', 'jsonRaw'] as const).filter(
          (key) => fieldValue[key] !== undefined,
        );
        if (set.length !== 1) throw new Error(`a value with ${set.join()}`);
        if ((fieldValue.jsonRaw?.length ?? 0) > 1024) throw new Error('too long');
      }
    },
  });

  fuzz({
    name: 'condition rules',
    cases: fc.tuple(live, fc.array(rule, { maxLength: 3 })),
    check: ([object, rules]) => {
      for (const { type, status, reason, message } of evaluateRules(object, rules as ConditionRule[])) {
        if (message.length > 32_768) throw new Error(`a message of ${message.length}`);
        if (!['True', 'False', 'Unknown'].includes(status) || type.length > 316)
          throw new Error(`${type}: ${status}`);
        if (reason === 'ConditionRuleInternalError' || /call stack|is not a function/.test(message)) {
          throw new Error(`${reason}: ${message}`);
        }
      }
    },
  });

  fuzz({
    name: 'status of works',
    cases: fc.array(fc.array(observation, { maxLength: 4 }), { minLength: 1, maxLength: 3 }),
    check: (passes) => {
      let status: ManifestWorkStatus | undefined;
      for (const [at, manifests] of passes.entries()) {
        const moment = { uid: 'u', generation: at + 1, observedAtMs: 1_767_225_600_000 + at };
        const observed = {
          ...moment,
          manifests: manifests.map((each, ordinal) => observationOf(each, ordinal)),
        };
        status = asJson(planWorkStatus(status, observed)) as ManifestWorkStatus;
        checkStatus(status, { generation: at + 1, count: manifests.length });
        const again = planWorkStatus(status, { ...observed, observedAtMs: moment.observedAtMs + 5000 });
        if (JSON.stringify(asJson(again)) !== JSON.stringify(status))
          throw new Error('the same again is another status');
      }
      const heldBy = passes.flat().map(({ applied }) => applied.message);
      checkStatus(planDeletingStatus(status, { sinceMs: 0, heldBy }), undefined);
    },
  });
});

function observationOf(
  { name, ...rest }: { readonly name: string | undefined } & Omit<ManifestObservation, 'meta'>,
  ordinal: number,
): ManifestObservation {
  return {
    meta: { ordinal, ...(name !== undefined && { kind: 'ConfigMap', name, namespace: 'd' }) },
    ...rest,
  };
}

function checkStatus(
  status: ManifestWorkStatus,
  known: { readonly generation: number; readonly count: number } | undefined,
): void {
  const entries = status.resourceStatus?.manifests ?? [];
  if (known !== undefined && entries.length !== known.count) throw new Error(`${entries.length} entries`);
  for (const conditions of [status.conditions ?? [], ...entries.map((entry) => entry.conditions)]) {
    if (new Set(conditions.map(({ type }) => type)).size < conditions.length)
      throw new Error('a condition twice');
    for (const { type, message, observedGeneration } of conditions) {
      if ([...message].length > 32_768)
        throw new Error(`${type}: a message of ${[...message].length} characters`);
      if (/\bundefined\b/.test(message) && message.length < 100) throw new Error(message);
      if (known !== undefined && (observedGeneration ?? 0) > known.generation)
        throw new Error('of a later generation');
    }
  }
  for (const { type, observedGeneration } of status.conditions ?? []) {
    const isUndecided = type === 'Applied' && known?.count === 0;
    if (known !== undefined && !isUndecided && observedGeneration !== known.generation)
      throw new Error(`${type} is old`);
  }
}
