/**
 * What a Klusterlet object says to this klusterlet: settings, and which of its fields say nothing here. Fields about
 * images, pods and nodes are for who deploys the klusterlet. Pure.
 */
import {
  agentAnnotationPrefix,
  type Klusterlet,
  type KnownGate,
  readFeatureGates,
  unsupportedFields,
} from '@flotilla/api';
import type { RateLimit } from '@flotilla/kube';
import type { WorkAgentOptions } from '../work/options.js';

export interface KlusterletSettings {
  readonly clusterName: string | undefined;
  /** Of the agent's Secrets. */
  readonly namespace: string;
  /** Secrets there with bootstrap kubeconfigs, the preferred first. */
  readonly bootstrapSecrets: readonly string[];
  readonly hubConnectionTimeoutSeconds: number;
  readonly clientConfigs: readonly { readonly url: string; readonly caBundle?: string }[];
  readonly certificateSeconds: number | undefined;
  readonly clusterAnnotations: Readonly<Record<string, string>>;
  readonly maxCustomClusterClaims: number;
  readonly reservedClaimSuffixes: readonly string[];
  readonly managedLimit: RateLimit;
  readonly hubLimit: RateLimit;
  readonly work: Partial<WorkAgentOptions>;
}

export interface ReadKlusterlet {
  readonly settings: KlusterletSettings;
  /** What is set and has no effect here, in words. */
  readonly unsupported: readonly string[];
  /** Feature gates that nobody knows. */
  readonly unknownGates: readonly string[];
}

const fixed = (isOn: boolean): KnownGate => ({ isOn, isFixed: true });
const free = (isOn: boolean): KnownGate => ({ isOn, isFixed: false });

const registrationGates: Readonly<Record<string, KnownGate>> = {
  ClusterClaim: fixed(true),
  AddonManagement: fixed(false),
  ClusterProperty: fixed(true),
  V1beta1CSRAPICompatibility: fixed(false),
  // With several Secrets there are several hubs; the gate adds nothing to that.
  MultipleHubs: free(false),
};
const workGates: Readonly<Record<string, KnownGate>> = {
  RawFeedbackJsonString: free(false),
  // Every executor is asked about each time, by the cluster itself; a cache of the answers is nothing that can be missed.
  ExecutorValidatingCaches: free(false),
};

const honoured = [
  'clusterName',
  'namespace',
  'externalServerURLs',
  'registrationConfiguration.featureGates',
  'registrationConfiguration.clientCertExpirationSeconds',
  'registrationConfiguration.clusterAnnotations',
  'registrationConfiguration.kubeAPIQPS',
  'registrationConfiguration.kubeAPIBurst',
  'registrationConfiguration.bootstrapKubeConfigs.type',
  'registrationConfiguration.bootstrapKubeConfigs.localSecretsConfig',
  'registrationConfiguration.clusterClaimConfiguration',
  'workConfiguration.featureGates',
  'workConfiguration.kubeAPIQPS',
  'workConfiguration.kubeAPIBurst',
  'workConfiguration.hubKubeAPIQPS',
  'workConfiguration.hubKubeAPIBurst',
  'workConfiguration.appliedManifestWorkEvictionGracePeriod',
  'workConfiguration.statusSyncInterval',
];

const harmless = {
  'deployOption.mode': ['', 'Default', 'Singleton'],
  'registrationConfiguration.registrationDriver.authType': ['csr'],
  'resourceRequirement.type': ['Default'],
};

const agentNamespace = 'open-cluster-management-agent';
const bootstrapSecret = 'bootstrap-hub-kubeconfig';

export function readKlusterlet({ spec = {} }: Klusterlet): ReadKlusterlet {
  const { registrationConfiguration: registration = {}, workConfiguration: work = {} } = spec;
  const gates = readFeatureGates(registration.featureGates, registrationGates);
  const gatesOfWorks = readFeatureGates(work.featureGates, workGates);
  const eviction = readDuration(work.appliedManifestWorkEvictionGracePeriod);
  const sync = readDuration(work.statusSyncInterval);
  const { bootstrapKubeConfigs } = registration;
  const named = bootstrapKubeConfigs?.localSecretsConfig?.kubeConfigSecrets?.map(({ name }) => name) ?? [];
  const foreign = Object.keys(registration.clusterAnnotations ?? {}).filter((key) => !isAgents(key));
  return {
    settings: {
      clusterName: spec.clusterName || undefined,
      namespace: spec.namespace || agentNamespace,
      bootstrapSecrets: bootstrapKubeConfigs?.type === 'LocalSecrets' ? named : [bootstrapSecret],
      hubConnectionTimeoutSeconds:
        bootstrapKubeConfigs?.localSecretsConfig?.hubConnectionTimeoutSeconds ?? 600,
      clientConfigs: (spec.externalServerURLs ?? []).map(({ url, caBundle }) => ({
        url,
        ...(caBundle && { caBundle }),
      })),
      certificateSeconds: registration.clientCertExpirationSeconds || undefined,
      clusterAnnotations: pick(registration.clusterAnnotations ?? {}, isAgents),
      maxCustomClusterClaims: registration.clusterClaimConfiguration?.maxCustomClusterClaims ?? 20,
      reservedClaimSuffixes: registration.clusterClaimConfiguration?.reservedClusterClaimSuffixes ?? [],
      managedLimit: limitOf(
        [registration.kubeAPIQPS, work.kubeAPIQPS],
        [registration.kubeAPIBurst, work.kubeAPIBurst],
      ),
      hubLimit: limitOf([work.hubKubeAPIQPS], [work.hubKubeAPIBurst]),
      work: {
        rawFeedbackJson: gatesOfWorks.isOn('RawFeedbackJsonString'),
        ...(eviction !== undefined && { evictionGracePeriodMs: eviction }),
        ...(sync !== undefined && { resyncMs: sync }),
      },
    },
    unsupported: [
      ...unsupportedFields(spec, { honoured, harmless }).map((path) => `spec.${path}`),
      ...[...gates.unsupported, ...gatesOfWorks.unsupported].map((gate) => `feature gate ${gate}`),
      ...foreign.map((key) => `spec.registrationConfiguration.clusterAnnotations[${key}]`),
    ],
    unknownGates: [...gates.unknown, ...gatesOfWorks.unknown],
  };
}

/** As OCM does: a klusterlet annotates its cluster under this prefix only. */
function isAgents(key: string): boolean {
  return key.startsWith(agentAnnotationPrefix);
}

function pick(
  all: Readonly<Record<string, string>>,
  isWanted: (key: string) => boolean,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(all).filter(([key]) => isWanted(key)));
}

/** One klusterlet does what OCM's two agents do: it gets what both of them get. */
function limitOf(qps: readonly (number | undefined)[], burst: readonly (number | undefined)[]): RateLimit {
  const sum = (values: readonly (number | undefined)[], usual: number): number =>
    values.reduce<number>((total, value) => total + (value === undefined || value <= 0 ? usual : value), 0);
  return { qps: sum(qps, 50), burst: sum(burst, 100) };
}

/** `1h30m`: the schema lets no other form through. */
function readDuration(text: string | undefined): number | undefined {
  if (text === undefined || text === '') return undefined;
  const units = { s: 1000, m: 60_000, h: 3_600_000 } as const;
  return [...text.matchAll(/(\d+)([smh])/g)].reduce(
    (total, [, number, unit]) => total + Number(number) * units[unit as keyof typeof units], // the pattern's letters
    0,
  );
}
