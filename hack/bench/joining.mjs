// How a simulated cluster joins, and the operator who lets it: for the parts of the benchmark that have many of them.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { bootstrapTokenSecret, createBootstrapToken } from '@flotilla/hub';
import { createClient, loadKubeconfig, wellKnown } from '@flotilla/kube';
import { createHttpsTransport } from '@flotilla/kube/node';
import { bootstrap } from '../../packages/klusterlet/dist/registration/bootstrap.js';
import { KlusterletState } from '../../packages/klusterlet/dist/registration/state.js';
import { pause } from '../demo/processes.mjs';
import { env, follow } from './parts.mjs';

/** What a joiner needs to know of the hub. */
export function hubAddress({ url, kubeconfig }) {
  return { server: url, ca: loadKubeconfig(readFileSync(kubeconfig, 'utf8')).cluster.caData };
}

export async function createToken(operator) {
  const token = createBootstrapToken(env.random);
  const secret = bootstrapTokenSecret(token, { expiresAtMs: env.clock.now() + 3_600_000 });
  await operator.create(wellKnown.secrets, secret);
  return `${token.id}.${token.secret}`;
}

/** An operator who says yes to each request as it comes, as `hub approve` does. */
export function approveAll(operator) {
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
  const body = { spec: { hubAcceptsClient: true } };
  await operator.patch(wellKnown.managedClusters, { name: cluster }, { type: 'merge', body });
  await operator.update(wellKnown.certificateSigningRequests, approved, { subresource: 'approval' });
}

/**
 * One cluster from its token to its first call with the certificate, by the klusterlet's own bootstrap code. Answers
 * the client, whose connection is the cluster's own.
 */
export async function joinOne(name, { directory, server, ca, token }) {
  const signal = AbortSignal.timeout(30_000);
  const withToken = createHttpsTransport({ server, ca, clock: env.clock, bearerToken: () => token });
  const credentials = await bootstrap(createClient(withToken), {
    clusterName: name,
    agentId: 'bench',
    clientConfigs: [],
    clusterAnnotations: {},
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
  return { client, credentials };
}
