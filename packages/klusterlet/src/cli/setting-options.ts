/** The flags of `klusterlet join` that are settings of the agent; named as those of OCM's agent. */
import { agentAnnotationPrefix, validateAnnotations } from '@flotilla/api';
import { parseDuration, UsageError } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import type { AgentSettings } from '../registration/settings.js';

export interface SettingFlags {
  readonly clusterAnnotations?: Readonly<Record<string, string>>;
  readonly maxCustomClusterClaims?: number;
  readonly reservedClusterClaimSuffixes?: readonly string[];
  readonly clientCertExpirationSeconds?: number;
  readonly clusterHealthcheckPeriod?: number;
  readonly hubConnectionTimeoutSeconds?: number;
}

export function addSettingOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--cluster-annotations <key=value,...>',
        `annotations for the ManagedCluster; those that do not begin with ${agentAnnotationPrefix} are left out`,
      ).argParser(parseAnnotations),
    )
    .addOption(
      new Option(
        '--max-custom-cluster-claims <number>',
        'how many claims besides the reserved ones are reported; default 20',
      ).argParser((text) => parseWhole('--max-custom-cluster-claims', { text, least: 0 })),
    )
    .addOption(
      new Option(
        '--reserved-cluster-claim-suffixes <suffix,...>',
        'claims whose names end so are reported whatever their number',
      ).argParser((text) => text.split(',').filter((suffix) => suffix !== '')),
    )
    .addOption(
      new Option(
        '--client-cert-expiration-seconds <seconds>',
        'life of the client certificates to ask for, at least 3600; default: as long as the hub gives',
      ).argParser((text) => parseWhole('--client-cert-expiration-seconds', { text, least: 3600 })),
    )
    .addOption(
      new Option(
        '--hub-connection-timeout-seconds <seconds>',
        'with several hubs: how long one may not answer before the others are tried; default 600',
      ).argParser((text) => parseWhole('--hub-connection-timeout-seconds', { text, least: 10 })),
    )
    .addOption(
      new Option(
        '--cluster-healthcheck-period <duration>',
        'how often the API server of the cluster is asked whether it is well; default 1m',
      ).argParser(parseDuration),
    );
}

/** Those that were given. @throws UsageError */
export function settingsOf({ clusterHealthcheckPeriod, ...flags }: SettingFlags): Partial<AgentSettings> {
  const { clusterAnnotations, maxCustomClusterClaims, reservedClusterClaimSuffixes } = flags;
  const { clientCertExpirationSeconds, hubConnectionTimeoutSeconds } = flags;
  if (clusterHealthcheckPeriod !== undefined && clusterHealthcheckPeriod < 1000)
    throw new UsageError('--cluster-healthcheck-period must be at least 1s');
  return {
    ...(clusterAnnotations && { clusterAnnotations }),
    ...(maxCustomClusterClaims !== undefined && { maxCustomClusterClaims }),
    ...(reservedClusterClaimSuffixes && { reservedClusterClaimSuffixes }),
    ...(clientCertExpirationSeconds !== undefined && { clientCertExpirationSeconds }),
    ...(hubConnectionTimeoutSeconds !== undefined && { hubConnectionTimeoutSeconds }),
    ...(clusterHealthcheckPeriod !== undefined && {
      healthCheckPeriodSeconds: clusterHealthcheckPeriod / 1000,
    }),
  };
}

function parseWhole(flag: string, { text, least }: { text: string; least: number }): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : -1;
  if (number < least) throw new UsageError(`${flag} must be a whole number of at least ${least}`);
  return number;
}

function parseAnnotations(text: string): Record<string, string> {
  const annotations: Record<string, string> = {};
  for (const item of text.split(',')) {
    const equals = item.indexOf('=');
    if (equals < 1) throw new UsageError(`--cluster-annotations: ${JSON.stringify(item)} is not key=value`);
    annotations[item.slice(0, equals)] = item.slice(equals + 1);
  }
  const [error] = validateAnnotations(annotations, '--cluster-annotations');
  if (error !== undefined) throw new UsageError(`--cluster-annotations is refused: ${error.message}`);
  return annotations;
}
