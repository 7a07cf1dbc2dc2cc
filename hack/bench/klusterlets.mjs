// A process full of simulated klusterlets: `many-clusters.mjs` starts it and sends it tokens. Each joins by the real
// bootstrap code and then keeps what a real one keeps on its hub: one TLS connection, watches on its ManagedCluster,
// works and plans, the real lease renewer, and the real status controller with a managed cluster that is always well.
// With `answersWorks` it says of each work at once that it is Applied and Available, and applies nothing.
import { setMaxListeners } from 'node:events';
import { manifestWorkPlanKind, resourceOf } from '@flotilla/api';
import { createInformer, wellKnown } from '@flotilla/kube';
import { createLeaseRenewer } from '../../packages/klusterlet/dist/registration/lease-renewer.js';
import { createStatusController } from '../../packages/klusterlet/dist/registration/status-controller.js';
import { joinOne } from './joining.mjs';
import { env } from './parts.mjs';
import { forEachIndex } from './statistics.mjs';

const plansRef = resourceOf(manifestWorkPlanKind);
const version = JSON.stringify({ major: '1', minor: '33', gitVersion: 'v1.33.0' });
/** What a klusterlet asks of its managed cluster for its report. */
const managed = { getText: async (path) => (path === '/version' ? version : 'ok') };
const nothing = { cache: { list: () => [] }, isSynced: false, onChange: () => () => undefined };
const stop = new AbortController();
setMaxListeners(0, stop.signal);

process.on('disconnect', () => process.exit(0)); // whoever started it is gone
process.on('message', async ({ clusters, context, concurrency }) => {
  try {
    await forEachIndex(
      clusters.length,
      async (i) => {
        const { name, token } = clusters[i];
        const { client } = await joinOne(name, { ...context, token });
        process.send({ joined: name });
        run(client, name, context);
      },
      { concurrency },
    );
  } catch (error) {
    process.send({ failed: error.message });
  }
});

function run(hub, clusterName, { answersWorks = false }) {
  const { signal } = stop;
  const fieldSelector = `metadata.name=${clusterName}`;
  const cluster = createInformer(hub, wellKnown.managedClusters, { env, fieldSelector });
  const works = createInformer(hub, wellKnown.manifestWorks, { env, namespace: clusterName });
  const plans = createInformer(hub, plansRef, { env, namespace: clusterName, metadataOnly: true });
  const parts = [
    createStatusController({
      ...{ clusterName, hub, managed, env, cluster, nodes: nothing, claims: nothing },
      ...{
        properties: () => [],
        markedNamespaces: nothing,
        namespaceLabel: 'bench',
        certificate: () => undefined,
      },
      ...{ healthCheckPeriodSeconds: 60, maxCustomClusterClaims: 20, reservedClusterClaimSuffixes: [] },
    }),
    createLeaseRenewer({ clusterName, hub, env, cluster }),
  ];
  if (answersWorks) works.onChange((change) => answer(hub, change));
  for (const part of [cluster, works, plans, ...parts]) part.start(signal);
}

/** The one write that every agent owes its hub for a work. */
function answer(hub, { type, object }) {
  const { name, namespace, generation, deletionTimestamp } = object.metadata;
  if (type === 'deleted' || deletionTimestamp !== undefined || object.status?.conditions !== undefined)
    return;
  const conditions = ['Applied', 'Available'].map((condition) => ({
    ...{ type: condition, status: 'True', reason: 'Simulated', message: 'nothing was applied' },
    ...{ observedGeneration: generation, lastTransitionTime: new Date().toISOString() },
  }));
  const options = { type: 'merge', body: { status: { conditions } }, subresource: 'status' };
  hub.patch(wellKnown.manifestWorks, { namespace, name }, options).catch((error) => {
    // It may have been deleted meanwhile; any other work without an answer is seen by who waits for it.
    if (error.code !== 404) process.stderr.write(`${clusterAndWork(object)}: ${error.message}\n`);
  });
}

function clusterAndWork({ metadata }) {
  return `${metadata.namespace}/${metadata.name}`;
}
