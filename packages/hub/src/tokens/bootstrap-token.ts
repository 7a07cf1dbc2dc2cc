/**
 * Bootstrap tokens as Kubernetes keeps them (Secrets of type bootstrap.kubernetes.io/token in kube-system), with
 * three annotations of ours: the one cluster that a token may join, whether an operator named it, and who used it
 * up. Pure but for the random bytes that are passed in.
 */
import { flotillaKey, formatTime, type KubeObject, tokenUsedByAnnotation } from '@flotilla/api';
import type { Random } from '@flotilla/kube';

export const bootstrapTokenNamespace = 'kube-system';
/** Gives what clusterRole `open-cluster-management:bootstrap` grants. */
export const bootstrapGroup = 'system:bootstrappers:managedcluster';
/** The cluster that the token is bound to: by the operator, or by the first ManagedCluster that it made. */
export const tokenClusterAnnotation = flotillaKey('token-cluster');
/** `true`: an operator bound the token to its cluster, which may therefore join again with another key. */
export const tokenRejoinAnnotation = flotillaKey('token-allows-rejoin');
/** On a ManagedCluster: the id of the token that made it. */
export const clusterTokenAnnotation = flotillaKey('bootstrap-token-id');

const userPrefix = 'system:bootstrap:';
const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';

export interface BootstrapToken {
  readonly id: string;
  readonly secret: string;
}

function randomText(random: Random, length: number): string {
  let text = '';
  while (text.length < length) {
    for (const byte of random.bytes(length)) {
      // 252 = 7 * 36: bytes above would make the first letters likelier.
      if (byte < 252 && text.length < length) text += alphabet[byte % 36];
    }
  }
  return text;
}

export function createBootstrapToken(random: Random): BootstrapToken {
  return { id: randomText(random, 6), secret: randomText(random, 16) };
}

export function bootstrapTokenSecretName(id: string): string {
  return `bootstrap-token-${id}`;
}

/** The token id of a bootstrap user; undefined for every other user. */
export function bootstrapTokenId(username: string): string | undefined {
  return username.startsWith(userPrefix) ? username.slice(userPrefix.length) : undefined;
}

/** The Secret that makes the token known to the API server. */
export function bootstrapTokenSecret(
  token: BootstrapToken,
  options: { expiresAtMs: number; cluster?: string },
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: {
      name: bootstrapTokenSecretName(token.id),
      namespace: bootstrapTokenNamespace,
      ...(options.cluster !== undefined && {
        annotations: { [tokenClusterAnnotation]: options.cluster, [tokenRejoinAnnotation]: 'true' },
      }),
    },
    stringData: {
      'token-id': token.id,
      'token-secret': token.secret,
      expiration: formatTime(options.expiresAtMs),
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': bootstrapGroup,
      description:
        options.cluster === undefined ? 'joins one cluster' : `joins the cluster ${options.cluster}`,
    },
  };
}

/** Which cluster a token has joined; a token that has cannot be used again. */
export function tokenUsedBy(secret: KubeObject): string | undefined {
  return secret.metadata.annotations?.[tokenUsedByAnnotation];
}
