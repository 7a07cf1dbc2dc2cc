/**
 * A Kubernetes API server, put together: store, watch cache, registry, authentication, authorization, admission,
 * resources, discovery. It opens no socket and reads no file: `node/run-server.ts` does, and tests and simulations
 * call `handle` or `transport` directly.
 */
import { newForbidden, type StatusError } from '@flotilla/api';
import { createClient, type Env, type Transport } from '@flotilla/kube';
import type { AdmissionPlugin } from '../admission/admission.js';
import { PendingUsage } from '../admission/quota/pending-usage.js';
import { createEscalationCheck, escalationCheckName } from '../admission/rbac-escalation.js';
import { createServerPlugins, type ServerPlugins } from '../admission/server-plugins.js';
import { type AdmissionWebhooks, createAdmissionWebhooks } from '../admission/webhooks/admission-webhooks.js';
import { type AuditBackend, createAuditor } from '../audit/auditor.js';
import { createAuthenticator } from '../authentication/authenticator.js';
import { createBootstrapTokenAuthenticator } from '../authentication/bootstrap-token.js';
import type { CertificateRules } from '../authentication/certificate-rules.js';
import { createClientCertificateAuthenticator } from '../authentication/client-certificate.js';
import { createFrontProxyAuthenticator } from '../authentication/front-proxy.js';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { AuthenticationSettings } from '../authentication/settings.js';
import { systemUser, type UserInfo } from '../authentication/user.js';
import { createAlwaysAllowAuthorizer } from '../authorization/always-allow.js';
import { createRbacAuthorizer, type RbacAuthorizer } from '../authorization/rbac-authorizer.js';
import { reviewResources } from '../authorization/reviews.js';
import { builtinResources } from '../builtin/builtin-resources.js';
import { createServiceNetwork } from '../builtin/service-network.js';
import { certificateSigningRequestResource } from '../certificates/csr-resource.js';
import type { AuthorizationMode } from '../configuration/authorization.js';
import type { CommandRuns } from '../controllers/workloads/command-runs.js';
import { type CustomResources, createCustomResources } from '../custom-resources/custom-resources.js';
import { type FairnessOptions, RequestQueues } from '../fairness/request-queues.js';
import { createResourceHandler } from '../handlers/resource-handler.js';
import { decodeProtobufObject } from '../protobuf/decode.js';
import { ObjectStore } from '../registry/object-store.js';
import { ResourceRegistry } from '../registry/resource-registry.js';
import { SimulatedRuntime } from '../runtime/simulated-runtime.js';
import {
  createLegacyTokenAuthenticator,
  type LegacyTokenSubject,
  signLegacyToken,
} from '../service-accounts/legacy-tokens.js';
import { serviceAccountResource } from '../service-accounts/service-account-resource.js';
import { readSigningKey } from '../service-accounts/token-keys.js';
import { ServiceAccountTokens, type TokenSettings } from '../service-accounts/tokens.js';
import type { Store } from '../storage/store.js';
import { createStreamSubresources, type StreamSubresources } from '../streams/subresources.js';
import { WatchCache } from '../watch-cache/watch-cache.js';
import { createWebhookCaller } from '../webhooks/webhook-caller.js';
import type { WebhookPort } from '../webhooks/webhook-port.js';
import { createFreshness } from './freshness.js';
import type { ApiHandler, ApiRequest, ApiResponse } from './handler.js';
import { createInProcessTransport } from './in-process-transport.js';
import type { KubernetesVersion } from './kubernetes-version.js';
import { ServerMetrics } from './metrics.js';
import { createObjectReader } from './object-reader.js';
import { createOtherPaths, type PathHandler } from './other-paths.js';
import { createPodActions } from './pod-actions.js';
import { defaultRequestTimeoutMs } from './request-deadline.js';
import type { RequestGuard } from './request-guard.js';
import { createRequestPipeline } from './request-pipeline.js';
import { createReservations } from './reservations.js';
import { ServerHealth } from './server-health.js';

export interface ApiServerOptions {
  readonly store: Store;
  readonly env: Env;
  /** `hub` serves no workloads, nodes and storage. */
  readonly profile: 'hub' | 'cluster';
  readonly kubernetesVersion: KubernetesVersion;
  /** `https://host:port` as clients reach it; also the issuer of ServiceAccount tokens. */
  readonly advertiseUrl: string;
  /** PEM bundle of the issuers of client certificates; asked at each use, so that it may be replaced. */
  readonly clientCa: () => string;
  /** Private key (PEM) that signs ServiceAccount tokens. */
  readonly serviceAccountKey: string;
  /** Keys, issuers and audiences of ServiceAccount tokens; default: the key above, and this server's URL. */
  readonly serviceAccountTokens?: TokenSettings;
  readonly authentication?: AuthenticationSettings;
  /** Revocation of client certificates, and what one is worth when it has expired. */
  readonly certificateRules?: CertificateRules;
  /** Asked after authorization. */
  readonly guard?: RequestGuard;
  /** Default RBAC. */
  readonly authorizationMode?: AuthorizationMode;
  /** Run after the built-in plugins, in order. */
  readonly admission?: readonly AdmissionPlugin[];
  /** How many requests are worked on at once, and how many wait. */
  readonly fairness?: Partial<FairnessOptions>;
  /** Of requests that have an end; default a minute. */
  readonly requestTimeoutMs?: number;
  /** How long recent events stay in memory; default that of the watch cache. */
  readonly recentEventsMs?: number;
  /** IPv4 range of the addresses of Services; default `10.96.0.0/16`. */
  readonly serviceCidr?: string;
  /** The way out to webhooks; absent: none can be reached. */
  readonly webhooks?: WebhookPort;
  /** Names of admission plugins that do not run. */
  readonly disabledAdmission?: readonly string[];
  /** Where requests are recorded, and how much of them; absent: nowhere. */
  readonly audit?: AuditBackend;
  /** More lines for `/metrics`: what only the process knows. */
  readonly processMetrics?: () => string;
  /** Further paths that are no resources, by their first segment; guarded by RBAC like the others. */
  readonly paths?: ReadonlyMap<string, PathHandler>;
  /** First segments of those whose rest opens something: the audit log does not show it. */
  readonly secretPaths?: ReadonlySet<string>;
}

export interface ApiServer extends ApiHandler {
  readonly registry: ResourceRegistry;
  /** What is stored, for the server's own loops: to be read only, and no way around authorization for others. */
  readonly cache: WatchCache;
  /** What admission has let through and the cache does not show yet, for whoever keeps quotas true. */
  readonly pendingUsage: PendingUsage;
  /** Of its simulated containers; undefined on the hub, which has no pods. Known once it has started. */
  readonly commands: CommandRuns | undefined;
  /** A service account token without an end, to be kept in a Secret. */
  signLegacyToken(subject: LegacyTokenSubject): string;
  /** Loads the state; nothing is answered before it resolves. */
  start(): Promise<void>;
  /** A client's way in without a socket; default: the server's own user. */
  transport(user?: UserInfo): Transport;
  /** `/readyz` is 200 from now on, or no more: set by whoever runs what else must be ready. */
  setReady(ready: boolean): void;
  /** Ends all watches as if their time was up, and answers everything else still. */
  endWatches(): void;
  /** Ends all watches; the store stays open and belongs to its maker. */
  close(): void;
}

export function createApiServer(options: ApiServerOptions): ApiServer {
  return new AssembledServer(options);
}

class AssembledServer implements ApiServer {
  readonly registry = new ResourceRegistry();
  readonly cache: WatchCache;
  readonly pendingUsage: PendingUsage;
  readonly #options: ApiServerOptions;
  readonly #health: ServerHealth;
  readonly #metrics = new ServerMetrics();
  readonly #queues: RequestQueues;
  readonly #tokenSettings: TokenSettings;
  #pipeline: ApiHandler | undefined;
  #authorizer: RbacAuthorizer | undefined;
  #webhooks: AdmissionWebhooks | undefined;
  #customResources: CustomResources | undefined;
  #plugins: ServerPlugins | undefined;
  #runtime: SimulatedRuntime | undefined;

  constructor(options: ApiServerOptions) {
    this.#options = options;
    this.#health = new ServerHealth(options.store);
    this.pendingUsage = new PendingUsage(options.env.clock);
    const { store, recentEventsMs } = options;
    this.cache = new WatchCache(
      { store, clock: options.env.clock },
      recentEventsMs === undefined ? {} : { maxEventAgeMs: recentEventsMs },
    );
    const { serviceAccountTokens, serviceAccountKey, advertiseUrl } = options;
    this.#tokenSettings = serviceAccountTokens ?? {
      signingKey: readSigningKey(serviceAccountKey),
      issuers: [advertiseUrl],
    };
    this.#queues = new RequestQueues(options.env.clock, options.fairness);
  }

  async start(): Promise<void> {
    const { audit, env, profile, kubernetesVersion, store, clientCa } = this.#options;
    await this.cache.start();
    const reader = createObjectReader(this.cache);
    const isOpen = this.#options.authorizationMode === 'AlwaysAllow';
    const authorizer = isOpen ? createAlwaysAllowAuthorizer() : createRbacAuthorizer(reader);
    this.#authorizer = authorizer;
    const tokens = new ServiceAccountTokens({
      reader,
      clock: env.clock,
      random: env.random,
      ...this.#tokenSettings,
    });
    const settings = this.#options.authentication ?? {};
    const authenticator = createAuthenticator({
      ...(settings.frontProxy && { frontProxy: createFrontProxyAuthenticator(settings.frontProxy, env) }),
      certificates: createClientCertificateAuthenticator({
        clock: env.clock,
        clientCa,
        rules: this.#options.certificateRules,
      }),
      tokens: [
        ...(settings.tokens ?? []),
        createBootstrapTokenAuthenticator({ reader, clock: env.clock }),
        tokens,
        createLegacyTokenAuthenticator({
          reader,
          clock: env.clock,
          keys: tokens.keys,
          audiences: tokens.audiences,
        }),
      ],
      slowTokens: settings.slowTokens ?? [],
      anonymous: settings.anonymous ?? true,
    });
    const streams = this.#streams(reader);
    this.registry.set('builtin', [
      ...builtinResources({
        profile,
        kubernetesVersion,
        serviceNetwork: createServiceNetwork({
          cidr: this.#options.serviceCidr ?? defaultServiceCidr,
          services: () => [...reader.list('', 'services')],
          ...(store.isShared === true && { reserve: createReservations(store, env.random.uuid()) }),
        }),
        podActions: createPodActions(() => createClient(this.transport(), { userAgent: 'apiserver' })),
        ...(streams !== undefined && { streams }),
      }),
      certificateSigningRequestResource(authorizer),
      serviceAccountResource(tokens),
      ...reviewResources({ authorizer, authenticator }),
    ]);
    const caller = createWebhookCaller({ port: this.#options.webhooks, reader, random: env.random });
    this.#webhooks = createAdmissionWebhooks({ caller, reader, registry: this.registry, authorizer, env });
    const plugins = createServerPlugins({
      cache: this.cache,
      reader,
      registry: this.registry,
      authorizer,
      pending: this.pendingUsage,
      client: () => createClient(this.transport(), { userAgent: 'apiserver' }),
    });
    this.#plugins = plugins;
    const admission = enabled(this.#options.disabledAdmission, [
      ...plugins.early,
      createEscalationCheck(authorizer),
      ...(this.#options.admission ?? []),
      this.#webhooks.mutating,
      plugins.policies,
      this.#webhooks.validating,
      ...plugins.late,
    ]);
    const objects = new ObjectStore({
      store,
      cache: this.cache,
      registry: this.registry,
      env,
      admission,
    });
    this.#customResources = createCustomResources({
      webhooks: { caller, random: env.random },
      cache: this.cache,
      objects,
      registry: this.registry,
      env,
    });
    this.registry.set('customresourcedefinitions', [this.#customResources.definition]);
    this.#customResources.start();
    const resources = createResourceHandler({
      cache: this.cache,
      objects,
      registry: this.registry,
      env,
      decodeProtobuf: decodeProtobufObject,
      authorizeCreate: async ({ user, definition, namespace }) => {
        const { group, resource } = definition;
        const attributes = { verb: 'create', group, resource, ...(namespace !== undefined && { namespace }) };
        if (!authorizer.authorize(user, attributes).allowed) throw refuseCreate(attributes);
      },
    });
    this.#pipeline = createRequestPipeline({
      env,
      authenticator,
      authorizer,
      guard: this.#options.guard,
      queues: this.#queues,
      requestTimeoutMs: this.#options.requestTimeoutMs ?? defaultRequestTimeoutMs,
      registry: this.registry,
      resources,
      freshness: createFreshness(store, this.cache),
      audit:
        audit &&
        createAuditor({
          ...audit,
          now: () => env.clock.now(),
          decodeProtobuf: decodeProtobufObject,
          secretPaths: this.#options.secretPaths,
        }),
      connect: {
        authorizer,
        admission,
        admissionClient: { get: ({ group, resource }, key) => reader.get(group, resource, key) },
      },
      other: createOtherPaths({
        registry: this.registry,
        advertiseUrl: this.#options.advertiseUrl,
        kubernetesVersion,
        health: this.#health,
        tokens,
        renderMetrics: () => this.#renderMetrics(),
        more: this.#options.paths,
      }),
      onAnswer: (info, answer) => this.#metrics.record(info, answer),
    });
  }

  handle(request: ApiRequest): Promise<ApiResponse> {
    if (this.#pipeline === undefined) throw new Error('the API server has not been started');
    return this.#pipeline.handle(request);
  }

  transport(user: UserInfo = systemUser): Transport {
    return createInProcessTransport(this, { user });
  }

  setReady(ready: boolean): void {
    this.#health.setReady(ready);
  }

  /** The stand-in cluster has pods, and so something to look into. */
  #streams(reader: ObjectReader): StreamSubresources | undefined {
    const { env, profile, kubernetesVersion } = this.#options;
    if (profile !== 'cluster') return undefined;
    this.#runtime = new SimulatedRuntime({ env, reader });
    return createStreamSubresources({ env, reader, runtime: this.#runtime, kubernetesVersion });
  }

  get commands(): CommandRuns | undefined {
    return this.#runtime?.commands;
  }

  endWatches(): void {
    this.cache.endAllWatches();
  }

  close(): void {
    this.#health.setReady(false);
    this.#runtime?.close();
    this.#customResources?.close();
    this.#webhooks?.close();
    this.#plugins?.close();
    this.#authorizer?.close();
    this.cache.close();
  }

  signLegacyToken(subject: LegacyTokenSubject): string {
    return signLegacyToken(subject, this.#tokenSettings.signingKey);
  }

  #renderMetrics(): string {
    const own = this.#metrics.render(this.#gauges(), this.#queues.renderMetrics());
    return own + (this.#options.processMetrics?.() ?? '');
  }

  #gauges() {
    const { objects, watches, droppedWatches, labelIndexes } = this.cache.stats();
    const { reads, writes } = this.#queues.counts;
    return {
      objects,
      watches,
      droppedWatches,
      labelIndexes,
      readsInFlight: reads,
      writesInFlight: writes,
      ...(this.#options.audit && { audit: this.#options.audit.sink.counts }),
    };
  }
}

/** Where Services of the stand-in cluster get their addresses; nothing listens there. */
const defaultServiceCidr = '10.96.0.0/16';

/** The escalation check is part of RBAC's storage in Kubernetes, and cannot be switched off there either. */
function enabled(
  disabled: readonly string[] | undefined,
  plugins: readonly AdmissionPlugin[],
): readonly AdmissionPlugin[] {
  const off = new Set(disabled);
  off.delete(escalationCheckName);
  return off.size === 0 ? plugins : plugins.filter(({ name }) => !off.has(name));
}

function refuseCreate({ group, resource }: { group: string; resource: string }): StatusError {
  return newForbidden(
    { group, resource, name: '' },
    'creating it needs the permission to create, besides the one used',
  );
}
