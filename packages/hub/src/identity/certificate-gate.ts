/**
 * The hub's word on client certificates, in every server process: revoked ones are refused, expired ones of agents are
 * good for a renewal, and connections end when what they were opened with does not count any more. Started before the
 * server says that it is ready, so that no revoked agent slips in at a restart.
 */
import { formatTime, type KubeObject, type ManagedCluster, parseAgentUserName } from '@flotilla/api';
import { type Certificate, createInformer, type Env, type KubeClient, wellKnown } from '@flotilla/kube';
import { type ExpiredAgentUser, expiredAgentUser } from './expired-agent.js';
import {
  type Revocations,
  readRevocations,
  revocationsName,
  revocationsNamespace,
  revokedAtMs,
} from './revocations.js';

export interface CertificateGate {
  /** For the API server's authenticator. */
  readonly rules: {
    refuses(certificate: Pick<Certificate, 'subject' | 'notBeforeMs' | 'publicKeyHash'>): string | undefined;
    whenExpired(certificate: Certificate, nowMs: number): ExpiredAgentUser | undefined;
  };
  /** Resolves when the revocations are known. */
  start(client: KubeClient, signal: AbortSignal): Promise<void>;
}

export interface CertificateGateOptions {
  readonly env: Env;
  /** Ends the open connections of clients with such a certificate. */
  readonly disconnect: (isMeant: (certificate: Certificate) => boolean) => void;
}

export function createCertificateGate({ env, disconnect }: CertificateGateOptions): CertificateGate {
  let revocations: Revocations = new Map();
  return {
    rules: {
      refuses: (certificate) => {
        const time = revokedAtMs(certificate, revocations);
        return time === undefined
          ? undefined
          : `the hub revoked the certificates of this cluster at ${formatTime(time)}; join again with a join string of "hub token create"`;
      },
      whenExpired: expiredAgentUser,
    },
    start: async (client, signal) => {
      const configMaps = createInformer<KubeObject>(client, wellKnown.configMaps, {
        env,
        namespace: revocationsNamespace,
        fieldSelector: `metadata.name=${revocationsName}`,
      });
      configMaps.onChange(({ type, object }) => {
        revocations = readRevocations(type === 'deleted' ? undefined : object);
        disconnect((certificate) => revokedAtMs(certificate, revocations) !== undefined);
      });
      const clusters = createInformer<ManagedCluster>(client, wellKnown.managedClusters, {
        env,
        transform: acceptanceOf,
      });
      clusters.onChange(({ type, object, old }) => {
        const wasIn = (type === 'deleted' ? object : old)?.spec?.hubAcceptsClient === true;
        const isIn = type !== 'deleted' && object.spec?.hubAcceptsClient === true;
        if (!wasIn || isIn) return;
        // What runs was authorized when it began: watches begin anew, with the rights that are left.
        const cluster = object.metadata.name;
        disconnect(({ subject }) => parseAgentUserName(subject.commonName)?.cluster === cluster);
      });
      configMaps.start(signal);
      clusters.start(signal);
      await Promise.all([configMaps.synced(signal), clusters.synced(signal)]);
    },
  };
}

/** All that the gate needs of a cluster. */
function acceptanceOf({ apiVersion, kind, metadata, spec }: ManagedCluster): ManagedCluster {
  const { name = '', uid = '', resourceVersion = '' } = metadata;
  return {
    apiVersion,
    kind,
    metadata: { name, uid, resourceVersion },
    spec: { hubAcceptsClient: spec?.hubAcceptsClient === true },
  };
}
