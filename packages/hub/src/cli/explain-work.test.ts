import type { Condition, ManagedCluster, ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { adviceFor } from './advice.js';
import { explainWork } from './explain-work.js';

const nowMs = Date.UTC(2026, 0, 1, 0, 1);
const lastTransitionTime = '2026-01-01T00:00:00Z';
const condition = (type: string, status: string, message = '', more: Partial<Condition> = {}): Condition =>
  ({ type, status, reason: 'R', message, lastTransitionTime, ...more }) as Condition;

function clusterWith(hubAcceptsClient: boolean, ...conditions: Condition[]): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1' },
    spec: { hubAcceptsClient },
    status: { conditions },
  } as ManagedCluster;
}

const sound = clusterWith(
  true,
  condition('ManagedClusterJoined', 'True'),
  condition('ManagedClusterConditionAvailable', 'True'),
);

function workWith(conditions: Condition[], manifests: [name: string, ...Condition[]][] = []): ManifestWork {
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: 'web', namespace: 'c1', generation: 2, finalizers: ['f'] },
    status: {
      conditions,
      resourceStatus: {
        manifests: manifests.map(([name, ...its], ordinal) => ({
          resourceMeta: {
            ordinal,
            group: 'apps',
            resource: 'deployments',
            kind: 'Deployment',
            namespace: 'd',
            name,
          },
          conditions: its,
        })),
      },
    },
  } as ManifestWork;
}

const applied = condition('Applied', 'True', '', { observedGeneration: 2 });
const refused = condition('Applied', 'False', '', { observedGeneration: 2 });
const available = condition('Available', 'True');
const explain = (work: ManifestWork, cluster: ManagedCluster | undefined = sound) =>
  explainWork({ work, cluster, nowMs });

describe('hub why', () => {
  it('says that all is well', () => {
    expect(explain(workWith([applied, available, condition('Healthy', 'True')]))).to.deep.equal([
      'c1/web is well: all that it asks for is applied, available and healthy',
    ]);
  });

  it('says nothing of the health that another klusterlet than ours does not judge', () => {
    expect(explain(workWith([applied, available]))).to.deep.equal([
      'c1/web is well: all that it asks for is applied and available',
    ]);
  });

  it('names each manifest that is not well, its cause and what to do', () => {
    const forbidden = condition('Applied', 'False', 'Failed to apply manifest: namespaces "d" not found');
    const waiting = condition(
      'Healthy',
      'False',
      '0 of 1 replicas; pod a: container c waits: ImagePullBackOff',
    );
    const work = workWith(
      [refused, available],
      [
        ['good', applied, available, condition('Healthy', 'True')],
        ['refused', forbidden, condition('Available', 'False'), condition('Healthy', 'False', 'not there')],
        ['slow', applied, available, waiting],
      ],
    );
    expect(explain(work)).to.deep.equal([
      'c1/web is not applied',
      '  deployments.apps d/refused: Applied=False: Failed to apply manifest: namespaces "d" not found',
      '  -> add the Namespace to the work, before or beside what lives in it, or create it in the managed cluster',
      '  deployments.apps d/slow: Healthy=False: 0 of 1 replicas; pod a: container c waits: ImagePullBackOff',
      "  -> check the image's name and tag, and the pull secret of the pod's service account",
    ]);
  });

  it('tells of feedback and condition rules that fail, also of a work that is well', () => {
    const feedback = condition('StatusFeedbackSynced', 'False', 'Sync status feedback failed with error x');
    const rule = condition('Odd', 'False', 'no such key: a', { reason: 'ConditionRuleExpressionError' });
    const work = workWith([applied, available], [['web', applied, available, feedback, rule]]);
    expect(explain(work)).to.deep.equal([
      'c1/web is well, but not all that it asks about can be told',
      '  deployments.apps d/web: StatusFeedbackSynced=False: Sync status feedback failed with error x',
      '  deployments.apps d/web: Odd=False: no such key: a',
    ]);
  });

  it('begins with the cluster when that is the cause', () => {
    const nothing = workWith([]);
    expect(explainWork({ work: nothing, cluster: undefined, nowMs })[1]).to.contain(
      'no ManagedCluster of this name',
    );
    expect(explain(nothing, clusterWith(false))[2]).to.equal('  -> accept it with "hub approve c1"');
    expect(explain(nothing, clusterWith(true))[1]).to.equal('  cluster c1: it has not joined');
    const gone = clusterWith(
      true,
      condition('ManagedClusterJoined', 'True'),
      condition(
        'ManagedClusterConditionAvailable',
        'Unknown',
        'Registration agent stopped updating its lease.',
      ),
    );
    expect(explain(nothing, gone).slice(0, 2)).to.deep.equal([
      'c1/web is not applied yet',
      '  cluster c1: Registration agent stopped updating its lease.',
    ]);
  });

  it('says when the report is of an older generation, or there is none', () => {
    const old = condition('Applied', 'True', '', { observedGeneration: 1 });
    expect(explain(workWith([old, available]))[1]).to.contain(
      'has reported on generation 1, the work is at 2',
    );
    expect(explain(workWith([]))[1]).to.equal('  its klusterlet has not reported on it');
  });

  it('tells what a deletion waits for', () => {
    const held =
      'ManifestWork is being deleted: configmaps d/a is held by the finalizers x/y; b is on its way out';
    const work = workWith([applied, available, condition('Deleting', 'True', held)]);
    work.metadata.deletionTimestamp = '2026-01-01T00:00:30Z';
    expect(explain(work)).to.deep.equal([
      'c1/web is being deleted',
      '  it was deleted 30s ago and waits for what it applied:',
      '  configmaps d/a is held by the finalizers x/y',
      '  b is on its way out',
      '  -> whoever set the finalizer has to remove it; it is not ours',
    ]);
    work.status = {};
    expect(explain(work)[1]).to.equal('  it was deleted 30s ago and waits for its finalizers: f');
  });

  const advices: [message: string, advice: RegExp][] = [
    ['not allowed to apply the resource  configmaps, default a, will try again in 1m0s', /Role/],
    ['x is forbidden: User "system:serviceaccount:d:e" cannot delete resource "configmaps"', /executor/],
    ['pods "a" is forbidden: exceeded quota: q, requested: pods=1', /ResourceQuota/],
    ['admission webhook "w" denied the request: no', /webhook/],
    ['Deployment "a" is invalid: spec.selector: Invalid value: {}: field is immutable', /another name/],
    ['Apply failed with 1 conflict: conflict with "kubectl": .spec.replicas', /ignoreFields/],
    ['the server doesn\'t have a resource type "Widget"', /CustomResourceDefinition/],
    ['ConfigMap "a" is invalid: data: Invalid value: 7', /correct the field/],
    ['pod a: container c waits: CrashLoopBackOff, last ended with OOMKilled (exit code 137)', /memory/],
    ['pod a: container c waits: CrashLoopBackOff: back-off', /logs --previous/],
    ['pod a: not scheduled: Unschedulable: 0/1 nodes are available', /node/],
  ];
  for (const [message, advice] of advices) {
    it(`has advice on: ${message}`, () => {
      expect(adviceFor(message)).to.match(advice);
    });
  }
});
