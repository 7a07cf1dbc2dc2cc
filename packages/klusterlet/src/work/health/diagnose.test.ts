import { newForbidden } from '@flotilla/api';
import type { KubeClient, ListOptions, ResourceRef } from '@flotilla/kube';
import { expect } from 'chai';
import { diagnose, type Patient } from './diagnose.js';

const namespace = 'd';
const { signal } = new AbortController();
const web: Patient = {
  ref: { group: 'apps', version: 'v1', resource: 'deployments', namespaced: true },
  kind: 'Deployment',
  namespace,
  name: 'web',
};

interface Cluster {
  readonly workload?: object;
  readonly pods?: readonly object[] | 'forbidden';
  readonly events?: readonly object[] | 'forbidden';
}

function clientOf({ workload = {}, pods = [], events = [] }: Cluster, asked: string[] = []): KubeClient {
  const list = async ({ resource }: ResourceRef, { labelSelector = '', fieldSelector = '' }: ListOptions) => {
    asked.push([resource, labelSelector, fieldSelector].join(' ').trim());
    const found = resource === 'pods' ? pods : events;
    if (found === 'forbidden') throw newForbidden({ group: '', resource, name: '' }, 'no');
    return { items: found, metadata: {} };
  };
  return { get: async () => workload, list } as unknown as KubeClient; // what `diagnose` calls
}

const selecting = { metadata: { name: 'web' }, spec: { selector: { matchLabels: { app: 'web' } } } };
const pod = (name: string, status: object): object => ({ metadata: { name }, status });
const container = (state: object, more: object = {}): object => ({
  containerStatuses: [{ name: 'c', state, ...more }],
});
const event = (kind: string, name: string, more: object = {}): object => ({
  metadata: { name: 'e' },
  involvedObject: { kind, name },
  reason: 'Why',
  message: `about ${name}`,
  lastTimestamp: '2026-01-01T00:00:00Z',
  ...more,
});

const crashing = container(
  { waiting: { reason: 'CrashLoopBackOff', message: 'back-off 10s' } },
  { lastState: { terminated: { reason: 'Error', exitCode: 3 } } },
);

describe('diagnosis', () => {
  const cases: [what: string, Cluster, Patient, text: string][] = [
    ['nothing that can be said', { workload: selecting }, web, ''],
    [
      'a crash, of many pods once',
      { workload: selecting, pods: [pod('a', crashing), pod('b', crashing)] },
      web,
      'pod a and 1 more: container c waits: CrashLoopBackOff: back-off 10s, last ended with Error (exit code 3)',
    ],
    [
      'a start that takes its time',
      { workload: selecting, pods: [pod('a', container({ waiting: { reason: 'ContainerCreating' } }))] },
      web,
      '',
    ],
    [
      'an end',
      {
        workload: selecting,
        pods: [pod('a', container({ terminated: { reason: 'OOMKilled', exitCode: 137 } }))],
      },
      web,
      'pod a: ended with OOMKilled (exit code 137)',
    ],
    [
      'no node',
      {
        workload: selecting,
        pods: [
          pod('a', {
            conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/1' }],
          }),
        ],
      },
      web,
      'pod a: not scheduled: Unschedulable: 0/1',
    ],
    [
      'the newest warning about it, its replica sets or pods',
      {
        workload: selecting,
        events: [
          event('ReplicaSet', 'web-1', { lastTimestamp: '2026-01-01T00:00:05Z' }),
          event('Deployment', 'web'),
          event('ReplicaSet', 'other-1', { lastTimestamp: '2026-01-01T00:00:09Z' }),
          event('Pod', 'web-1-x', { lastTimestamp: '2026-01-01T00:00:09Z' }),
        ],
      },
      web,
      'warning Why of ReplicaSet web-1: about web-1',
    ],
    [
      'an event with the time of its series',
      {
        workload: selecting,
        events: [
          event('Deployment', 'web', { message: 'first' }),
          event('Deployment', 'web', {
            message: 'second',
            lastTimestamp: null,
            series: { lastObservedTime: '2026-01-01T00:00:01.000000Z' },
          }),
        ],
      },
      web,
      'warning Why of Deployment web: second',
    ],
    ['what may not be read', { workload: selecting, pods: 'forbidden', events: 'forbidden' }, web, ''],
    [
      'a kind without pods',
      { events: [event('PersistentVolumeClaim', 'data')] },
      {
        ref: { group: '', version: 'v1', resource: 'persistentvolumeclaims', namespaced: true },
        kind: 'PersistentVolumeClaim',
        namespace,
        name: 'data',
      },
      'warning Why of PersistentVolumeClaim data: about data',
    ],
  ];
  for (const [what, cluster, patient, text] of cases) {
    it(`tells of ${what}`, async () => {
      expect(await diagnose(clientOf(cluster), patient, signal)).to.equal(text);
    });
  }

  it('asks for no more pods than the workload selects, and for none when that would be all', async () => {
    const asked: string[] = [];
    await diagnose(clientOf({ workload: selecting }, asked), web, signal);
    expect(asked).to.deep.equal(['pods app=web', 'events  type=Warning']);
    asked.length = 0;
    await diagnose(clientOf({ workload: { metadata: {}, spec: { selector: {} } } }, asked), web, signal);
    expect(asked).to.deep.equal(['events  type=Warning']);
  });

  it('cuts what is long', async () => {
    const events = [event('Deployment', 'web', { message: 'x'.repeat(5000) })];
    expect((await diagnose(clientOf({ workload: selecting, events }), web, signal)).length).to.equal(300);
  });
});
