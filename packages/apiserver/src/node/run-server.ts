/**
 * Runs an API server as a process of its own: data directory, keys, store, HTTPS, its own loops, the admin
 * kubeconfig. The command `apiserver` and the embedded hub both start here.
 */
import { hostname } from 'node:os';
import {
  type Certificate,
  createClient,
  createStopController,
  type Env,
  type KubeClient,
  spawn,
} from '@flotilla/kube';
import type { AdmissionPlugin } from '../admission/admission.js';
import type { CertificateRules } from '../authentication/certificate-rules.js';
import type { FrontProxySettings } from '../authentication/front-proxy.js';
import type { AuditOptions } from '../configuration/audit.js';
import { type AuthenticationOptions, loadAuthentication } from '../configuration/authentication.js';
import type { AuthorizationOptions } from '../configuration/authorization.js';
import type { CertificateOptions } from '../configuration/certificates.js';
import type { EtcdOptions } from '../configuration/etcd.js';
import {
  createServingContext,
  type ServingContext,
  type ServingOptions,
  seatsOf,
} from '../configuration/serving.js';
import type { ControllerSelection } from '../controllers/controller-selection.js';
import { type ApiServer, createApiServer } from '../server/api-server.js';
import { type ControlPlaneOptions, startControlPlane } from '../server/control-plane.js';
import { type Loops, startElectedLoops } from '../server/elected-loops.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import type { KubernetesVersion } from '../server/kubernetes-version.js';
import type { PathHandler } from '../server/other-paths.js';
import type { RequestGuard } from '../server/request-guard.js';
import type { Store } from '../storage/store.js';
import { createAuthorityHandler } from './authority-endpoint.js';
import { createBackupHandler } from './backup-endpoint.js';
import { fetchJson } from './fetch-json.js';
import { type HttpFront, serveHttps } from './http-front.js';
import { createHttpsWebhooks } from './https-webhooks.js';
import type { LivePki } from './live-pki.js';
import { openStore } from './open-store.js';
import { startRestartable } from './restartable-loops.js';
import { assertNoUnfinishedRestore } from './restore-data-directory.js';
import { startRuntimeMetrics } from './runtime-metrics.js';
import {
  adminKubeconfig,
  advertisedHost,
  formatHost,
  makeIdentity,
  pkiDirectory,
  type ServerIdentity,
} from './server-identity.js';
import { startAudit } from './start-audit.js';

export interface RunServerOptions {
  readonly env: Env;
  readonly profile: 'hub' | 'cluster';
  readonly kubernetesVersion: KubernetesVersion;
  readonly dataDir: string;
  readonly listen: { readonly host: string; readonly port: number };
  /** `https://host:port` for kubeconfigs and join strings; default: the listen address, or this host's first. */
  readonly advertiseUrl?: string;
  /** Further URLs, whose hosts the serving certificate names too. */
  readonly alsoAdvertised?: readonly string[];
  /** Where the admin kubeconfig goes. */
  readonly kubeconfig: string;
  readonly serving?: ServingOptions;
  readonly authentication?: AuthenticationOptions;
  readonly authorization?: AuthorizationOptions;
  /** Where the objects are kept; default: in the data directory. */
  readonly etcd?: EtcdOptions;
  readonly audit?: AuditOptions;
  readonly certificates?: CertificateOptions;
  readonly admission?: readonly AdmissionPlugin[];
  readonly certificateRules?: CertificateRules;
  readonly guard?: RequestGuard;
  /** Further paths that are no resources, by their first segment; guarded by RBAC like the others. */
  readonly paths?: ReadonlyMap<string, PathHandler>;
  /** First segments of those whose rest opens something: the audit log does not show it. */
  readonly secretPaths?: ReadonlySet<string>;
  /** Names of admission plugins that do not run. */
  readonly disabledAdmission?: readonly string[];
  /** Where objects are kept, closed with the server; default: lmdb in the data directory. */
  readonly store?: Store;
  /** Which of the profile's loops run; default all. */
  readonly controllers?: ControllerSelection;
  /** IPv4 range of the addresses of Services; default `10.96.0.0/16`. */
  readonly serviceCidr?: string;
  /** How long running requests and watches may go on when the server closes; default 3 s. */
  readonly shutdownGraceMs?: number;
  /** Called with a client of the server's own user before the server says that it is ready. */
  readonly beforeReady?: (client: KubeClient, signal: AbortSignal) => Promise<void>;
  /** Further loops, started after that: on one of the servers that share a store, as the server's own. */
  readonly loops?: {
    /** Of the Lease by which the servers agree whose loops run. */
    readonly lease: string;
    readonly start: (
      client: KubeClient,
      options: { readonly signal: AbortSignal; readonly certificates: ServerCertificates },
    ) => Promise<Loops>;
  };
  /** More lines for `/metrics`, each with its newline. */
  readonly metrics?: () => string;
}

/** What the server is known by, as of now. */
export interface ServerCertificates {
  /** PEM of the authorities of its own. */
  readonly authorities: string;
  /** PEM, leaf first: its own or its operator's. */
  readonly serving: string;
  onChange(fn: () => void): void;
}

export interface RunningServer {
  readonly server: ApiServer;
  readonly url: string;
  /** Ends the connections of clients whose certificate is meant: what they do goes on only if a new one is let in. */
  disconnect(isMeant: (certificate: Certificate) => boolean): void;
  /** Not ready first, then no new connections, then the store. */
  close(): Promise<void>;
}

const defaultShutdownGraceMs = 3000;

/** @throws Error in one sentence when the directory, the port or a file cannot be used; nothing is left running. */
export async function runServer(options: RunServerOptions): Promise<RunningServer> {
  const { env } = options;
  await assertNoUnfinishedRestore(options.dataDir);
  const store = options.store ?? (await openStore({ env, dataDir: options.dataDir, etcd: options.etcd }));
  const stop = createStopController();
  const parts: Parts = { store, stop, closers: [] };
  try {
    const url =
      options.advertiseUrl ??
      `https://${formatHost(advertisedHost(options.listen.host))}:${options.listen.port}`;
    const { pki, issuer, roll } = await makeIdentity(options, { store, url, signal: stop.signal });
    const authentication = await loadAuthentication(options.authentication ?? {}, {
      env,
      fetchJson,
      signal: stop.signal,
      ownCa: {
        current: () => pki.current.trusted,
        onChange: (fn) => pki.onChange((before) => before.trusted !== pki.current.trusted && fn()),
      },
      ownServiceAccountKey: pki.current.serviceAccountKey,
      ownIssuer: issuer,
    });
    const compactEveryMs = options.etcd?.etcdCompactionInterval;
    const audit = await startAudit(options.audit ?? {}, { env, parts });
    const webhooks = createHttpsWebhooks({ clock: env.clock });
    parts.closers.push(async () => webhooks.close());
    const runtime = startRuntimeMetrics();
    parts.closers.push(async () => runtime.close());
    const server = createApiServer({
      store,
      env,
      profile: options.profile,
      kubernetesVersion: options.kubernetesVersion,
      advertiseUrl: url,
      clientCa: authentication.clientCa,
      serviceAccountKey: pki.current.serviceAccountKey,
      serviceAccountTokens: authentication.serviceAccounts,
      authentication: authentication.settings,
      processMetrics: () => runtime.render() + (options.metrics?.() ?? ''),
      paths: new Map<string, PathHandler>([
        ...(options.paths ?? []),
        ['flotilla.dev', ownPaths(options, { store, pki, roll })],
      ]),
      ...(options.secretPaths && { secretPaths: options.secretPaths }),
      authorizationMode: options.authorization?.authorizationMode ?? 'RBAC',
      fairness: { seats: seatsOf(options.serving ?? {}) },
      ...(options.serving?.requestTimeout !== undefined && {
        requestTimeoutMs: options.serving.requestTimeout,
      }),
      webhooks,
      ...(audit && { audit }),
      ...(options.admission && { admission: options.admission }),
      ...(options.certificateRules && { certificateRules: options.certificateRules }),
      ...(options.guard && { guard: options.guard }),
      ...(options.disabledAdmission && { disabledAdmission: options.disabledAdmission }),
      ...(options.serviceCidr !== undefined && { serviceCidr: options.serviceCidr }),
      ...(compactEveryMs !== undefined && { recentEventsMs: compactEveryMs }),
    });
    parts.closers.push(async () => server.close());
    await server.start();
    const serving = await createServingContext(options.serving ?? {}, {
      env,
      signal: stop.signal,
      own: pki.current,
      clientCa: authentication,
    });
    const front = await listen(server, { options, serving, frontProxy: authentication.settings.frontProxy });
    const graceMs = options.shutdownGraceMs ?? defaultShutdownGraceMs;
    parts.closers.push(() => {
      const closed = front.close({ graceMs });
      // Once clients know that the connection ends: they would only begin anew on it.
      server.endWatches();
      return closed;
    });
    serving.onChange(() => front.setSecureContext(serving.current));
    pki.onChange(() => serving.setOwn(pki.current));
    const certificates: ServerCertificates = {
      get authorities() {
        return pki.current.trusted;
      },
      get serving() {
        return serving.current.certificate;
      },
      onChange: (fn) => serving.onChange(fn),
    };
    await startLoops(options, {
      server,
      pki,
      parts,
      trust: authentication.trust,
      rootCa: () => serving.rootCa,
      certificates,
    });
    const writeKubeconfig = (): Promise<void> =>
      env.files.write(options.kubeconfig, adminKubeconfig(url, { pki: pki.current, ca: serving.rootCa }), {
        mode: 0o600,
      });
    await writeKubeconfig();
    pki.onChange(() => {
      spawn('write admin kubeconfig', writeKubeconfig, { log: env.log, signal: stop.signal });
    });
    server.setReady(true);
    return {
      server,
      url,
      disconnect: (isMeant) => front.disconnect(isMeant),
      close: () => closeAll(server, parts),
    };
  } catch (error) {
    await closeParts(parts);
    throw error;
  }
}

interface Parts {
  readonly store: Store;
  readonly stop: AbortController;
  readonly closers: (() => Promise<void>)[];
}

interface LoopContext extends Pick<ControlPlaneOptions, 'trust'> {
  readonly server: ApiServer;
  readonly pki: LivePki;
  readonly parts: Parts;
  readonly rootCa: () => string;
  readonly certificates: ServerCertificates;
}

/** The paths under `/flotilla.dev`. */
function ownPaths(
  options: RunServerOptions,
  { store, pki, roll }: { readonly store: Store } & Pick<ServerIdentity, 'pki' | 'roll'>,
): (request: ApiRequest) => Promise<ApiResponse | undefined> {
  const { env } = options;
  const directory = pkiDirectory(options);
  const backup = createBackupHandler({ env, store, pkiDirectory: directory });
  const authority = createAuthorityHandler({ env, pki, roll });
  return async (request) => backup(request) ?? authority(request);
}

async function startLoops(
  options: RunServerOptions,
  { server, pki, parts, trust, rootCa, certificates }: LoopContext,
): Promise<void> {
  const { env, profile } = options;
  const { signal } = parts.stop;
  // Several servers on one store: each has a name of its own, and they elect whose loops run.
  const identity = parts.store.isShared === true ? `${hostname()}_${env.random.uuid()}` : undefined;
  const startPlane = (until: AbortSignal): Promise<Loops> =>
    startControlPlane(server, {
      env,
      profile,
      store: parts.store,
      ca: pki.current.ca,
      signingLifeMs: options.certificates?.clusterSigningDuration,
      certificateRules: options.certificateRules,
      signal: until,
      identity,
      compactEveryMs: options.etcd?.etcdCompactionInterval,
      ...(options.controllers && { controllers: options.controllers }),
      ...(trust && { trust }),
      rootCa: rootCa(),
    });
  const plane = await startRestartable(startPlane, signal);
  parts.closers.push(() => plane.close());
  pki.onChange((before) => {
    if (before.trusted === pki.current.trusted) return;
    spawn('control plane with other authorities', () => plane.restart(), { log: env.log, signal });
  });
  const client = createClient(server.transport(), { userAgent: 'apiserver' });
  await options.beforeReady?.(client, signal);
  if (options.loops === undefined) return;
  const { lease, start } = options.loops;
  const loops = await startElectedLoops((until) => start(client, { signal: until, certificates }), {
    client,
    env,
    signal,
    lease,
    identity,
  });
  parts.closers.push(() => loops.close());
}

async function closeAll(server: ApiServer, parts: Parts): Promise<void> {
  server.setReady(false);
  await closeParts(parts);
}

async function closeParts(parts: Parts): Promise<void> {
  parts.stop.abort(new Error('the server is stopping'));
  for (const close of [...parts.closers].reverse()) await close();
  await parts.store.close();
}

async function listen(
  server: ApiServer,
  {
    options,
    serving,
    frontProxy,
  }: {
    options: RunServerOptions;
    serving: ServingContext;
    frontProxy: FrontProxySettings | undefined;
  },
): Promise<HttpFront> {
  const { host, port } = options.listen;
  const maxConcurrentStreams = options.serving?.http2MaxStreamsPerConnection;
  try {
    return await serveHttps(server, {
      host,
      port,
      ...serving.current,
      minTlsVersion: serving.minTlsVersion,
      ...(frontProxy && { frontProxy }),
      ...(maxConcurrentStreams !== undefined && { limits: { maxConcurrentStreams } }),
      log: options.env.log,
    });
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const why =
      code === 'EADDRINUSE'
        ? 'the port is in use'
        : code === 'EACCES'
          ? 'the port needs more rights'
          : code === 'EADDRNOTAVAIL'
            ? 'this machine has no such address'
            : String(cause);
    throw new Error(`cannot listen on ${host}:${port}: ${why}; choose another with --listen`, { cause });
  }
}
