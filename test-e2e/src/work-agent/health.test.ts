/** What the hub is told of the health of what a work applied, and of the cause when it is not good. */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import {
  createWork,
  createWorld,
  eventually,
  getWork,
  settle,
  untilCondition,
  type World,
  work,
} from './world.js';

const namespace = 'default';
const labels = { app: 'web' };
const deployment = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', namespace },
  spec: {
    replicas: 1,
    selector: { matchLabels: labels },
    template: { metadata: { labels }, spec: { containers: [{ name: 'web', image: 'example.io/web:1' }] } },
  },
} as KubeObject;

const waitingPod = {
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name: 'web-1', namespace, labels },
  spec: { containers: [{ name: 'web', image: 'example.io/web:1' }] },
} as KubeObject;

const pull = { reason: 'ImagePullBackOff', message: 'Back-off pulling image "example.io/web:1"' };

function warning(name: string, { at, message }: { at: string; message: string }): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name, namespace },
    involvedObject: { kind: 'Pod', namespace, name: 'web-1' },
    type: 'Warning',
    reason: 'Failed',
    message,
    lastTimestamp: at,
  } as KubeObject;
}

const messageOf = (seen: ManifestWork | undefined): string =>
  seen?.status?.conditions?.find(({ type }) => type === 'Healthy')?.message ?? '';

describe('work agent, health', () => {
  let world: World;
  beforeEach(async () => {
    world = await createWorld();
    world.startAgent();
  });
  afterEach(() => world.close());

  const setStatus = (ref: typeof wellKnown.pods, name: string, status: object) =>
    world.managed.patch(ref, { namespace, name }, { type: 'merge', body: { status }, subresource: 'status' });

  it('tells what pods wait for and the newest warning, and that all is well when it is', async () => {
    await createWork(world, work('web', [deployment]));
    const before = await untilCondition(world, 'web', { type: 'Healthy', status: 'False' });
    expect(messageOf(before)).to.equal('deployments default/web: 0 of 1 replicas are updated');
    await world.managed.create(wellKnown.pods, waitingPod);
    await setStatus(wellKnown.pods, 'web-1', {
      phase: 'Pending',
      containerStatuses: [
        { name: 'web', image: 'i', imageID: '', ready: false, restartCount: 0, state: { waiting: pull } },
      ],
    });
    await world.managed.create(
      wellKnown.events,
      warning('old', { at: '2026-01-01T00:00:01Z', message: 'an older one' }),
    );
    await world.managed.create(
      wellKnown.events,
      warning('new', { at: '2026-01-01T00:00:02Z', message: 'no such host' }),
    );
    await eventually(world, async () => messageOf(await getWork(world, 'web')).includes('ImagePullBackOff'));
    expect(messageOf(await getWork(world, 'web'))).to.equal(
      'deployments default/web: 0 of 1 replicas are updated; pod web-1: container web waits: ' +
        'ImagePullBackOff: Back-off pulling image "example.io/web:1"; warning Failed of Pod web-1: no such host',
    );
    await setStatus(wellKnown.deployments, 'web', {
      observedGeneration: 1,
      replicas: 1,
      updatedReplicas: 1,
      readyReplicas: 1,
      availableReplicas: 1,
    });
    const well = await untilCondition(world, 'web', { type: 'Healthy' });
    expect(messageOf(well)).to.equal('All resources are healthy');
  });

  it('asks nothing while all is well', async () => {
    await createWork(
      world,
      work('web', [{ ...waitingPod, kind: 'ConfigMap', spec: undefined } as KubeObject]),
    );
    await untilCondition(world, 'web', { type: 'Healthy' });
    await settle(world);
    world.requests.length = 0;
    await world.env.clock.advance(60_000);
    expect(world.requests.filter((request) => /events|pods/.test(request))).to.deep.equal([]);
  });
});
