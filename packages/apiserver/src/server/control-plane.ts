/**
 * What makes a started API server a control plane: the objects that every cluster holds, the signer of client
 * certificates, the loops of its profile, the compaction of its history. No sockets and no files, so that a simulation
 * runs the very same. Called by whoever runs a server, once it answers.
 */
import { type CertificateAuthority, createClient, type Env, type KubeClient, spawn } from '@flotilla/kube';
import type { CertificateRules } from '../authentication/certificate-rules.js';
import { createRoleAggregator } from '../authorization/role-aggregation.js';
import { createCsrSigner } from '../certificates/signer.js';
import { type PublishedTrust, trustData } from '../configuration/published-trust.js';
import { allControllers, type ControllerSelection } from '../controllers/controller-selection.js';
import { startControllers } from '../controllers/start-controllers.js';
import type { Store } from '../storage/store.js';
import { compactPeriodically } from '../watch-cache/compact-periodically.js';
import type { ApiServer } from './api-server.js';
import { ensureBootstrapObjects, publishTrust } from './bootstrap-objects.js';
import { type Loops, type StartLoops, startElectedLoops } from './elected-loops.js';
import { createObjectReader } from './object-reader.js';

export interface ControlPlaneOptions {
  readonly env: Env;
  readonly profile: 'hub' | 'cluster';
  /** The server's own store. */
  readonly store: Store;
  /** Signs client certificates. */
  readonly ca: CertificateAuthority;
  /** Longest life of a client certificate, milliseconds; default a year. */
  readonly signingLifeMs?: number | undefined;
  /** The same as the server's: no certificate is signed that it would refuse. */
  readonly certificateRules?: CertificateRules | undefined;
  /** Which loops run; default all of the profile. */
  readonly controllers?: ControllerSelection;
  /** Whom the server believes, as other servers are told; default: the certificates of `ca` alone. */
  readonly trust?: PublishedTrust;
  /** PEM by which clients know the server, published in every namespace; default: that of `ca`. */
  readonly rootCa?: string;
  /** Ends all loops. */
  readonly signal: AbortSignal;
  /** Unique among the servers that share the store: the loops then run on one of them. Absent: this one is alone. */
  readonly identity?: string | undefined;
  /** How often history is compacted, to twice that; default five minutes. */
  readonly compactEveryMs?: number | undefined;
}

/** Closed after its signal's abort. */
export type ControlPlane = Loops;

/** By which the servers on one store agree whose loops run. */
const lease = 'flotilla-control-plane';

const defaultCompactEveryMs = 5 * 60_000;
/** History kept for watches that were away, in such intervals. */
const keptIntervals = 2;

/** @throws when the objects of every cluster cannot be made; nothing is left running then. */
export async function startControlPlane(
  server: ApiServer,
  options: ControlPlaneOptions,
): Promise<ControlPlane> {
  const { env, ca, signal, identity } = options;
  const client = createClient(server.transport(), { userAgent: 'apiserver' });
  const trust = options.trust ?? { data: () => trustData(ca.certificatePem), onChange: () => undefined };
  await ensureBootstrapObjects(client, { trust: trust.data() });
  trust.onChange(() => {
    const publish = (): Promise<void> => publishTrust(client, trust.data());
    spawn('publish changed client CAs', publish, { log: env.log, signal });
  });
  const start: StartLoops = async (until) => startLoops(server, { ...options, signal: until }, client);
  return startElectedLoops(start, { client, env, signal, lease, identity });
}

function startLoops(server: ApiServer, options: ControlPlaneOptions, client: KubeClient): Loops {
  const { env, profile, store, ca, signal, rootCa = ca.certificatePem } = options;
  const compactEveryMs = options.compactEveryMs ?? defaultCompactEveryMs;
  const isOn = options.controllers ?? allControllers;
  const parts: { start(signal: AbortSignal): void; close(): Promise<void> }[] = [];
  if (isOn('certificatesigningrequest-signing-controller'))
    parts.push(
      createCsrSigner({
        client,
        env,
        ca,
        longestLifeMs: options.signingLifeMs,
        rules: options.certificateRules,
      }),
    );
  if (isOn('clusterrole-aggregation-controller')) parts.push(createRoleAggregator({ client, env }));
  for (const part of parts) part.start(signal);
  const { registry, cache } = server;
  const controllers = startControllers({
    client,
    env,
    registry,
    cache,
    reader: createObjectReader(cache),
    pending: server.pendingUsage,
    commands: server.commands,
    isShared: store.isShared === true,
    profile,
    controllers: isOn,
    ca: rootCa,
    signLegacyToken: (subject) => server.signLegacyToken(subject),
    signal,
  });
  void compactPeriodically({
    store,
    clock: env.clock,
    log: env.log,
    keepMs: keptIntervals * compactEveryMs,
    intervalMs: compactEveryMs,
    signal,
  });
  return {
    close: async () => {
      await controllers.close();
      for (const part of parts.reverse()) await part.close();
    },
  };
}
