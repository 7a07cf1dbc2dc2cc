/** OCM's integration cases of status feedback: which values come, what is said of those that cannot, and how soon. */
import type { FeedbackValue, KubeObject, ManifestWork } from '@flotilla/api';
import { type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  configMap,
  createNamespace,
  createWork,
  createWorld,
  eventually,
  expectDefined,
  forResource,
  getWork,
  manifestCondition,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const labels = { app: 'web' };
const daemonSets: ResourceRef = { group: 'apps', version: 'v1', resource: 'daemonsets', namespaced: true };

const workload = (kind: string): KubeObject => ({
  apiVersion: 'apps/v1',
  kind,
  metadata: { name: 'web', namespace: 'default' },
  spec: {
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'x' }] } },
  },
});

const integer = (name: string, value: number) => ({ name, fieldValue: { type: 'Integer', integer: value } });
const paths = (...list: [name: string, path: string][]) => ({
  type: 'JSONPaths',
  jsonPaths: list.map(([name, path]) => ({ name, path })),
});
const wellKnownStatus = { type: 'WellKnownStatus' };

const valuesOf = (found: ManifestWork, index = 0): readonly FeedbackValue[] | undefined =>
  found.status?.resourceStatus?.manifests?.[index]?.statusFeedback?.values;
const synced = (found: ManifestWork, index = 0) => manifestCondition(found, 'StatusFeedbackSynced', index);

describe('work agent, status feedback', () => {
  let world: World;
  const start = async (options: Parameters<World['startAgent']>[0] = {}): Promise<void> => {
    world = await createWorld();
    world.startAgent(options);
  };
  afterEach(() => world.close());

  const ask = async (manifests: readonly KubeObject[], ...configs: object[]): Promise<void> => {
    await createWork(world, work('w', manifests, { manifestConfigs: configs }));
    await untilCondition(world, 'w', { type: 'Applied' });
  };
  const report = (ref: ResourceRef, status: object) =>
    world.managed.patch(
      ref,
      { namespace: 'default', name: 'web' },
      { type: 'merge', subresource: 'status', body: { status } },
    );
  const untilValues = (count: number, index = 0): Promise<ManifestWork> =>
    eventually(world, async () => {
      const found = await getWork(world, 'w');
      return found && valuesOf(found, index)?.length === count && found;
    });

  it('reports the well-known values of a Deployment', async () => {
    await start();
    await ask(
      [workload('Deployment')],
      forResource('deployments.apps', 'web', { feedbackRules: [wellKnownStatus] }),
    );
    await report(wellKnown.deployments, { availableReplicas: 2, replicas: 3, readyReplicas: 2 });
    expect(valuesOf(await untilValues(3))).to.deep.equal([
      integer('ReadyReplicas', 2),
      integer('Replicas', 3),
      integer('AvailableReplicas', 2),
    ]);
  });

  it('reports the well-known values of a DaemonSet', async () => {
    await start();
    await ask(
      [workload('DaemonSet')],
      forResource('daemonsets.apps', '*', { feedbackRules: [wellKnownStatus] }),
    );
    await report(daemonSets, {
      numberAvailable: 1,
      desiredNumberScheduled: 3,
      numberReady: 2,
      currentNumberScheduled: 3,
      numberMisscheduled: 0,
    });
    const found = await eventually(world, async () => {
      const seen = await getWork(world, 'w');
      return seen && valuesOf(seen)?.some(({ fieldValue }) => fieldValue.integer === 2) && seen;
    });
    expect(valuesOf(found)).to.deep.equal([
      integer('NumberReady', 2),
      integer('DesiredNumberScheduled', 3),
      integer('NumberAvailable', 1),
    ]);
  });

  it('reports what JSONPaths find, and says why one finds nothing that can be reported', async () => {
    await start();
    const rules = paths(
      ['available', '.status.conditions[?(@.type=="Available")].status'],
      ['structure', '.status.conditions'],
    );
    await ask([workload('Deployment')], forResource('deployments.apps', 'web', { feedbackRules: [rules] }));
    await report(wellKnown.deployments, { conditions: [{ type: 'Available', status: 'True' }] });
    const found = await untilValues(1);
    expect(valuesOf(found)).to.deep.equal([
      { name: 'available', fieldValue: { type: 'String', string: 'True' } },
    ]);
    expect(synced(found)).to.include({ status: 'False', reason: 'StatusFeedbackSyncFailed' });
    expect(synced(found)?.message).to.contain('the value for structure is not found');
  });

  it('says of a kind that has no well-known values that it has none, and reports the others', async () => {
    await start();
    const account: KubeObject = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'app', namespace: 'default' },
    };
    await ask(
      [workload('Deployment'), account],
      forResource('deployments.apps', '*', { feedbackRules: [wellKnownStatus] }),
      forResource('serviceaccounts', '*', { feedbackRules: [wellKnownStatus] }),
    );
    await report(wellKnown.deployments, { availableReplicas: 2, replicas: 3, readyReplicas: 2 });
    const found = await untilValues(3);
    expect(synced(found)?.status).to.equal('True');
    expect(synced(found, 1)).to.include({
      status: 'False',
      reason: 'StatusFeedbackSyncFailed',
      message:
        'Sync status feedback failed with error cannot find the wellknown statuses for resource with gvk /v1, Kind=ServiceAccount',
    });
  });

  it('reports a structure as JSON text when it may', async () => {
    await start({ rawFeedbackJson: true });
    await ask(
      [workload('Deployment')],
      forResource('deployments.apps', 'web', {
        feedbackRules: [paths(['conditions', '.status.conditions'])],
      }),
    );
    const conditions = [
      { lastTransitionTime: null, lastUpdateTime: null, status: 'True', type: 'Available' },
    ];
    await report(wellKnown.deployments, { conditions });
    expect(valuesOf(await untilValues(1))).to.deep.equal([
      {
        name: 'conditions',
        fieldValue: {
          type: 'JsonRaw',
          jsonRaw: '[{"lastTransitionTime":null,"lastUpdateTime":null,"status":"True","type":"Available"}]',
        },
      },
    ]);
  });

  it('of several entries that match takes the rules of the first', async () => {
    await start();
    const first = paths(['first', '.data.x']);
    await ask(
      [configMap('a', { x: '1', y: '2' })],
      forResource('configmaps', 'a', { feedbackRules: [first] }),
      forResource('configmaps', '*', { feedbackRules: [paths(['second', '.data.y'])] }),
    );
    expect(valuesOf(await untilValues(1))).to.deep.equal([
      { name: 'first', fieldValue: { type: 'String', string: '1' } },
    ]);
  });

  it('renews the time of the condition with each change of a value', async () => {
    await start();
    await ask(
      [workload('Deployment')],
      forResource('deployments.apps', 'web', { feedbackRules: [wellKnownStatus] }),
    );
    await report(wellKnown.deployments, { replicas: 1, readyReplicas: 1, availableReplicas: 1 });
    const before = expectDefined(synced(await untilValues(3)));
    await settle(world, 10_000);
    await report(wellKnown.deployments, { replicas: 1, readyReplicas: 1, availableReplicas: 0 });
    const after = await eventually(world, async () => {
      const found = await getWork(world, 'w');
      const now = found && synced(found);
      return now?.lastTransitionTime !== before.lastTransitionTime && now;
    });
    expect(after.status).to.equal('True');
  });

  // An object is watched from the moment it is applied, so that the scrape type makes no difference to how soon.
  for (const feedbackScrapeType of ['Watch', 'Poll'] as const) {
    it(`reports a change within a second (${feedbackScrapeType})`, async () => {
      await start();
      await ask(
        [configMap('a', { other: 'y' })],
        forResource('configmaps', 'a', {
          updateStrategy: { type: 'CreateOnly' },
          feedbackRules: [paths(['x', '.data.x'])],
          feedbackScrapeType,
        }),
      );
      await settle(world, 5000);
      const key = { namespace: 'default', name: 'a' };
      await world.managed.patch(wellKnown.configMaps, key, { type: 'merge', body: { data: { x: '2' } } });
      await settle(world, 1000);
      expect(valuesOf(expectDefined(await getWork(world, 'w')))).to.have.length(1);
    });
  }

  it('reports a change of an object without a namespace within a second', async () => {
    await start();
    await createNamespace(world.managed, 'team');
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'team' } };
    const rules = paths(['level', '.metadata.labels.level']);
    const resourceIdentifier = { group: '', resource: 'namespaces', name: 'team' };
    await ask([namespace], { resourceIdentifier, feedbackRules: [rules], feedbackScrapeType: 'Watch' });
    await settle(world, 5000);
    const body = { metadata: { labels: { level: 'high' } } };
    await world.managed.patch(wellKnown.namespaces, { name: 'team' }, { type: 'merge', body });
    await settle(world, 1000);
    expect(valuesOf(expectDefined(await getWork(world, 'w')))?.[0]?.fieldValue.string).to.equal('high');
  });
});
