/**
 * Follows the hub's authorities while the hub puts another in the place of the one in use: takes over the bundle that the
 * hub publishes, once it has proved that the hub is reached with it, and tells the hub which authorities this agent
 * trusts and which one has issued its certificate, so that the hub knows when the old one can go. A hub that says
 * nothing of its authorities, as OCM's, is asked nothing.
 */
import {
  agentIssuerAnnotation,
  agentTrustsAnnotation,
  clusterCondition,
  hubAuthoritiesAnnotation,
  isConditionTrue,
  type KubeObject,
  klusterletFieldManager,
  type ManagedCluster,
  rootCaConfigMapName,
} from '@flotilla/api';
import {
  authorityHashes,
  type Controller,
  createController,
  type Env,
  type Informer,
  issuerHash,
  type KubeClient,
  newestAuthorityHash,
  wellKnown,
} from '@flotilla/kube';

export interface HubAuthoritiesOptions {
  readonly clusterName: string;
  readonly hub: KubeClient;
  readonly env: Env;
  readonly cluster: Informer<ManagedCluster>;
  /** PEM bundle that this agent trusts now. */
  readonly trusted: () => string;
  readonly certificatePem: () => string;
  /** Resolves when the hub was reached with the bundle alone. @throws TransportError */
  readonly prove: (bundle: string) => Promise<void>;
  /** Must have saved it when it resolves. */
  readonly adopt: (bundle: string) => Promise<void>;
}

/** The hub names its authorities a moment before all namespaces have them. */
const unpublishedRetryMs = 2000;

export function createHubAuthoritiesFollower(options: HubAuthoritiesOptions): Controller {
  const { clusterName, cluster, env } = options;
  const controller = createController({
    name: 'hub-authorities',
    env,
    reconcile: async () => {
      const own = cluster.cache.get(clusterName);
      const wanted = own?.metadata.annotations?.[hubAuthoritiesAnnotation];
      if (own === undefined || wanted === undefined || !isConditionTrue(own, clusterCondition.hubAccepted))
        return undefined;
      if (wanted !== authorityHashes(options.trusted())) {
        const bundle = await publishedBundle(options);
        if (bundle === undefined || authorityHashes(bundle) !== wanted)
          return { requeueAfterMs: unpublishedRetryMs };
        await options.prove(bundle);
        await options.adopt(bundle);
        env.log.info('authorities of the hub taken over', { authorities: wanted });
      }
      await announce(options, own);
      return undefined;
    },
  });
  cluster.onChange(() => controller.enqueue(clusterName));
  return controller;
}

/**
 * Whether the hub has a newer authority than the one that has issued the certificate: the certificate ends with the old
 * one. False for issuers that are not in the bundle: such a hub has others for its clients.
 */
export function isOfOldAuthority(certificatePem: string, bundle: string): boolean {
  const issuer = issuerHash(certificatePem, bundle);
  return issuer !== undefined && issuer !== newestAuthorityHash(bundle);
}

async function publishedBundle({ hub, clusterName }: HubAuthoritiesOptions): Promise<string | undefined> {
  const key = { namespace: clusterName, name: rootCaConfigMapName };
  const configMap = await hub.get<KubeObject>(wellKnown.configMaps, key);
  return (configMap['data'] as Readonly<Record<string, string>> | undefined)?.['ca.crt']; // v1 ConfigMap
}

async function announce(options: HubAuthoritiesOptions, own: ManagedCluster): Promise<void> {
  const bundle = options.trusted();
  const said = {
    [agentTrustsAnnotation]: authorityHashes(bundle),
    [agentIssuerAnnotation]: issuerHash(options.certificatePem(), bundle) ?? 'unknown',
  };
  const before = own.metadata.annotations ?? {};
  if (Object.entries(said).every(([key, value]) => before[key] === value)) return;
  const metadata = { ...own.metadata, annotations: { ...before, ...said } };
  await options.hub.update(
    wellKnown.managedClusters,
    { ...own, metadata },
    { fieldManager: klusterletFieldManager },
  );
}
