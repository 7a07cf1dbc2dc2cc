// A process full of simulated klusterlets: `many-clusters.mjs` starts it and sends it tokens. Each joins by the real
// bootstrap code and then keeps what a real one keeps on its hub: one TLS connection, watches on its ManagedCluster,
// works and plans, the real lease renewer, and the real status controller with a managed cluster that is always well.
// It makes each work its own with the finalizer, says at once that it is Applied and Available, and applies nothing.
import { setMaxListeners } from 'node:events';
import { manifestWorkFinalizer, manifestWorkPlanKind, resourceOf } from '@flotilla/api';
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
        run(client, name);
      },
      { concurrency },
    );
  } catch (error) {
    process.send({ failed: error.message });
  }
});

function run(hub, clusterName) {
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
  works.onChange((change) => void answer(hub, change));
  for (const part of [cluster, works, plans, ...parts]) part.start(signal);
}

/** The writes that a real agent owes its hub for a work: its finalizer, the status, and in the end the finalizer again. */
async function answer(hub, { type, object }) {
  const { name, namespace, uid, generation, deletionTimestamp, finalizers = [] } = object.metadata;
  const isOurs = finalizers.includes(manifestWorkFinalizer);
  const isGoing = deletionTimestamp !== undefined;
  if (type === 'deleted' || isOurs !== isGoing) return; // gone, answered, or somebody else's to release
  const patch = (body, options = {}) =>
    hub.patch(wellKnown.manifestWorks, { namespace, name }, { type: 'merge', body, ...options });
  const conditions = ['Applied', 'Available'].map((condition) => ({
    ...{ type: condition, status: 'True', reason: 'Simulated', message: 'nothing was applied' },
    ...{ observedGeneration: generation, lastTransitionTime: new Date().toISOString() },
  }));
  try {
    await patch({ metadata: { uid, finalizers: isGoing ? [] : [manifestWorkFinalizer] } });
    if (!isGoing) await patch({ metadata: { uid }, status: { conditions } }, { subresource: 'status' });
  } catch (error) {
    // It may have been deleted meanwhile; any other work without an answer is seen by who waits for it.
    if (error.code !== 404) process.stderr.write(`${namespace}/${name}: ${error.message}\n`);
  }
}
