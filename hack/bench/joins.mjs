// How many clusters can join in a second: each with a token, a certificate request, an operator's word, and a first
// call with the certificate. The joiners are the klusterlet's own bootstrap code, all in this process.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrapTokenSecret, createBootstrapToken } from '@flotilla/hub';
import { createClient, loadKubeconfig, wellKnown } from '@flotilla/kube';
import { createHttpsTransport } from '@flotilla/kube/node';
import { bootstrap } from '../../packages/klusterlet/dist/registration/bootstrap.js';
import { KlusterletState } from '../../packages/klusterlet/dist/registration/state.js';
import { pause, stop } from '../demo/processes.mjs';
import { cpuSeconds } from './machine.mjs';
import { connect, env, follow, startHub } from './parts.mjs';
import { forEachIndex, percentile } from './statistics.mjs';

const joinCount = 100;
const concurrency = 16;

export const joins = {
  name: 'join',
  async run({ directory, record }) {
    const hub = await startHub(directory, 'hub-for-joins');
    const operator = await connect(hub);
    const stopApproving = await approveAll(operator);
    const context = {
      directory,
      server: hub.url,
      ca: loadKubeconfig(readFileSync(hub.kubeconfig, 'utf8')).cluster.caData,
    };
    await joinOne('warm-up', { ...context, token: await createToken(operator) });
    const tokens = [];
    await forEachIndex(
      joinCount,
      async (i) => {
        tokens[i] = await createToken(operator);
      },
      { concurrency },
    );
    const times = [];
    const cpuBefore = cpuSeconds(hub.pid);
    const began = performance.now();
    await forEachIndex(
      joinCount,
      async (i) => {
        const start = performance.now();
        await joinOne(`c${i}`, { ...context, token: tokens[i] });
        times.push(performance.now() - start);
      },
      { concurrency },
    );
    record('join.perSecond', (joinCount * 1000) / (performance.now() - began));
    record('join.p50', percentile(times, 50));
    record('join.hubCpu', ((cpuSeconds(hub.pid) - cpuBefore) * 1000) / joinCount);
    await stopApproving();
    await operator.transport.close();
    await stop(hub.entry);
  },
};

async function createToken(operator) {
  const token = createBootstrapToken(env.random);
  const secret = bootstrapTokenSecret(token, { expiresAtMs: env.clock.now() + 3_600_000 });
  await operator.create(wellKnown.secrets, secret);
  return `${token.id}.${token.secret}`;
}

/** An operator who says yes to each request as it comes, as `hub approve` does. */
function approveAll(operator) {
  return follow(operator, wellKnown.certificateSigningRequests, {
    onEvent: ({ type, object }) => {
      if (type !== 'ADDED') return;
      const cluster = object.metadata.labels?.['open-cluster-management.io/cluster-name'];
      // A join that is not approved for this reason times out; the reason is what helps.
      approve(operator, { csr: object, cluster }).catch((error) =>
        process.stderr.write(`${error.message}\n`),
      );
    },
  });
}

async function approve(operator, { csr, cluster }) {
  const condition = {
    type: 'Approved',
    status: 'True',
    reason: 'Bench',
    message: 'approved by the benchmark',
  };
  const approved = { ...csr, status: { ...csr.status, conditions: [condition] } };
  await operator.update(wellKnown.certificateSigningRequests, approved, { subresource: 'approval' });
  const body = { spec: { hubAcceptsClient: true } };
  await operator.patch(wellKnown.managedClusters, { name: cluster }, { type: 'merge', body });
}

async function joinOne(name, { directory, server, ca, token }) {
  const signal = AbortSignal.timeout(30_000);
  const withToken = createHttpsTransport({ server, ca, clock: env.clock, bearerToken: () => token });
  const credentials = await bootstrap(createClient(withToken), {
    clusterName: name,
    agentId: 'bench',
    clientConfigs: [],
    state: new KlusterletState(env.files, join(directory, 'joiners', name)),
    env,
    signal,
    onProgress: () => undefined,
  });
  await withToken.close();
  const clientCertificate = () => ({ cert: credentials.certificatePem, key: credentials.privateKeyPem });
  const own = createHttpsTransport({ server, ca, clock: env.clock, clientCertificate });
  const client = createClient(own);
  for (let pauseMs = 25; ; pauseMs *= 2) {
    try {
      await client.get(wellKnown.managedClusters, { name });
      break;
    } catch (error) {
      // The hub gives the agent its rights a moment after it was accepted.
      if (error.code !== 403 || signal.aborted) throw error;
      await pause(pauseMs);
    }
  }
  await own.close();
}
