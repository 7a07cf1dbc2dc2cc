import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { healthOf } from './health.js';

const kinds: Record<string, string> = {
  Deployment: 'apps/v1',
  ReplicaSet: 'apps/v1',
  StatefulSet: 'apps/v1',
  DaemonSet: 'apps/v1',
  Job: 'batch/v1',
  CronJob: 'batch/v1',
  Pod: 'v1',
  PersistentVolumeClaim: 'v1',
  Service: 'v1',
  Namespace: 'v1',
  CustomResourceDefinition: 'apiextensions.k8s.io/v1',
  APIService: 'apiregistration.k8s.io/v1',
  HorizontalPodAutoscaler: 'autoscaling/v2',
  Widget: 'example.io/v1',
};

function object(
  kind: string,
  { spec = {}, status = {}, ...metadata }: Record<string, unknown> = {},
): KubeObject {
  return {
    apiVersion: kinds[kind] ?? 'v1',
    kind,
    metadata: { name: 'a', ...metadata },
    spec,
    status,
  } as KubeObject;
}

const conditions = (...list: [type: string, status: string, reason?: string][]) => ({
  conditions: list.map(([type, status, reason = '']) => ({ type, status, reason })),
});
const rolledOut = { replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };
const waiting = (reason: string) => ({
  containerStatuses: [{ name: 'web', state: { waiting: { reason } } }],
});

const cases: [what: string, KubeObject, state: string, message: RegExp][] = [
  [
    'being deleted',
    object('Widget', { deletionTimestamp: '2026-01-01T00:00:00Z' }),
    'Terminating',
    /deleted/,
  ],
  ['unseen', object('Widget', { generation: 2, status: { observedGeneration: 1 } }), 'InProgress', /1 of 2/],
  [
    'reconciling',
    object('Widget', { status: conditions(['Reconciling', 'True']) }),
    'InProgress',
    /reconciled/,
  ],
  ['stalled', object('Widget', { status: conditions(['Stalled', 'True', 'Broken']) }), 'Failed', /Broken/],
  ['ready', object('Widget', { status: conditions(['Ready', 'True']) }), 'Current', /ready/],
  ['not ready', object('Widget', { status: conditions(['Ready', 'False', 'Why']) }), 'InProgress', /Why/],
  ['without status', object('Widget'), 'Current', /exists/],
  [
    'a new deployment',
    object('Deployment', { spec: { replicas: 2 } }),
    'InProgress',
    /0 of 2 replicas are updated/,
  ],
  [
    'old replicas',
    object('Deployment', { spec: { replicas: 2 }, status: { ...rolledOut, replicas: 3 } }),
    'InProgress',
    /1 old/,
  ],
  [
    'unavailable',
    object('Deployment', { spec: { replicas: 2 }, status: { ...rolledOut, availableReplicas: 1 } }),
    'InProgress',
    /1 of 2 replicas are available/,
  ],
  [
    'not rolled out',
    object('Deployment', {
      spec: { replicas: 2 },
      status: { ...rolledOut, ...conditions(['Progressing', 'True', 'ReplicaSetUpdated']) },
    }),
    'InProgress',
    /new replica set/,
  ],
  [
    'deadline',
    object('Deployment', { status: conditions(['Progressing', 'False', 'ProgressDeadlineExceeded']) }),
    'Failed',
    /Deadline/i,
  ],
  [
    'rolled out',
    object('Deployment', {
      spec: { replicas: 2 },
      status: {
        ...rolledOut,
        ...conditions(['Progressing', 'True', 'NewReplicaSetAvailable'], ['Available', 'True']),
      },
    }),
    'Current',
    /available/,
  ],
  ['scaled to nothing', object('Deployment', { spec: { replicas: 0 } }), 'Current', /available/],
  [
    'replica failure',
    object('ReplicaSet', { status: conditions(['ReplicaFailure', 'True', 'FailedCreate']) }),
    'InProgress',
    /FailedCreate/,
  ],
  [
    'replica set',
    object('ReplicaSet', {
      status: { replicas: 1, fullyLabeledReplicas: 1, availableReplicas: 1, readyReplicas: 1 },
    }),
    'Current',
    /1/,
  ],
  [
    'stateful set on its way',
    object('StatefulSet', { spec: { replicas: 3 }, status: { replicas: 3, readyReplicas: 1 } }),
    'InProgress',
    /1 of 3 replicas are ready/,
  ],
  [
    'stateful set',
    object('StatefulSet', {
      status: {
        replicas: 1,
        readyReplicas: 1,
        currentReplicas: 1,
        currentRevision: 'a',
        updateRevision: 'a',
      },
    }),
    'Current',
    /ready/,
  ],
  [
    'stateful set between revisions',
    object('StatefulSet', {
      status: {
        replicas: 1,
        readyReplicas: 1,
        currentReplicas: 1,
        currentRevision: 'a',
        updateRevision: 'b',
      },
    }),
    'InProgress',
    /updated/,
  ],
  [
    'partition',
    object('StatefulSet', {
      spec: { replicas: 3, updateStrategy: { rollingUpdate: { partition: 2 } } },
      status: { replicas: 3, readyReplicas: 3, updatedReplicas: 1 },
    }),
    'Current',
    /partition/,
  ],
  [
    'stateful set updated by hand',
    object('StatefulSet', { spec: { updateStrategy: { type: 'OnDelete' } } }),
    'Current',
    /deleted/,
  ],
  ['daemon set unseen', object('DaemonSet'), 'InProgress', /not seen/],
  [
    'daemon set',
    object('DaemonSet', {
      status: {
        observedGeneration: 1,
        desiredNumberScheduled: 2,
        currentNumberScheduled: 2,
        updatedNumberScheduled: 2,
        numberAvailable: 1,
      },
    }),
    'InProgress',
    /1 of 2 pods are available/,
  ],
  ['job not begun', object('Job'), 'InProgress', /not started/],
  ['job running', object('Job', { status: { startTime: 'x', active: 1 } }), 'Current', /active: 1/],
  [
    'job failed',
    object('Job', { status: { failed: 4, ...conditions(['Failed', 'True', 'BackoffLimitExceeded']) } }),
    'Failed',
    /BackoffLimitExceeded/,
  ],
  ['cron job', object('CronJob'), 'Current', /scheduled/],
  [
    'pod crashing',
    object('Pod', { status: { phase: 'Running', ...waiting('CrashLoopBackOff') } }),
    'Failed',
    /web/,
  ],
  [
    'pod without image',
    object('Pod', { status: { phase: 'Pending', ...waiting('ImagePullBackOff') } }),
    'InProgress',
    /ImagePullBackOff/,
  ],
  [
    'pod without node',
    object('Pod', {
      status: { phase: 'Pending', ...conditions(['PodScheduled', 'False', 'Unschedulable']) },
    }),
    'InProgress',
    /Unschedulable/,
  ],
  [
    'pod ready',
    object('Pod', { status: { phase: 'Running', ...conditions(['Ready', 'True']) } }),
    'Current',
    /ready/,
  ],
  ['pod failed', object('Pod', { status: { phase: 'Failed', reason: 'Evicted' } }), 'Failed', /Evicted/],
  ['claim', object('PersistentVolumeClaim', { status: { phase: 'Bound' } }), 'Current', /bound/],
  ['claim pending', object('PersistentVolumeClaim'), 'InProgress', /Pending/],
  ['balancer', object('Service', { spec: { type: 'LoadBalancer' } }), 'InProgress', /no address/],
  [
    'balancer with address',
    object('Service', {
      spec: { type: 'LoadBalancer' },
      status: { loadBalancer: { ingress: [{ ip: '10.0.0.1' }] } },
    }),
    'Current',
    /address/,
  ],
  ['service', object('Service', { spec: { type: 'ClusterIP' } }), 'Current', /exists/],
  [
    'definition',
    object('CustomResourceDefinition', {
      status: conditions(['Established', 'True'], ['NamesAccepted', 'True']),
    }),
    'Current',
    /established/,
  ],
  [
    'definition with taken names',
    object('CustomResourceDefinition', { status: conditions(['NamesAccepted', 'False', 'PluralConflict']) }),
    'Failed',
    /PluralConflict/,
  ],
  [
    'API service',
    object('APIService', { status: conditions(['Available', 'False', 'MissingEndpoints']) }),
    'InProgress',
    /MissingEndpoints/,
  ],
  [
    'autoscaler',
    object('HorizontalPodAutoscaler', {
      status: conditions(['ScalingActive', 'False', 'FailedGetResourceMetric']),
    }),
    'InProgress',
    /FailedGetResourceMetric/,
  ],
  [
    'autoscaler of nothing',
    object('HorizontalPodAutoscaler', { status: conditions(['ScalingActive', 'False', 'ScalingDisabled']) }),
    'Current',
    /works/,
  ],
];

describe('health of an object', () => {
  for (const [what, subject, state, message] of cases) {
    it(`${what}: ${state}`, () => {
      const health = healthOf(subject);
      expect(health.state).to.equal(state);
      expect(health.message).to.match(message);
    });
  }

  it('is told of anything that a cluster may hold', () => {
    const anything = fc.object({
      maxDepth: 4,
      key: fc.constantFrom(
        'conditions',
        'phase',
        'replicas',
        'type',
        'state',
        'containerStatuses',
        'loadBalancer',
        'ingress',
      ),
    });
    fc.assert(
      fc.property(fc.constantFrom(...Object.keys(kinds)), anything, anything, (kind, spec, status) => {
        const { state, message } = healthOf(object(kind, { spec, status }));
        expect(['Current', 'InProgress', 'Failed', 'Terminating']).to.include(state);
        expect(message).to.not.equal('');
      }),
    );
  });
});
