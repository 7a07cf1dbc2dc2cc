/**
 * Bootstrap tokens as Kubernetes keeps them (Secrets of type bootstrap.kubernetes.io/token in kube-system), with
 * annotations of ours: the one cluster that a token may join, whether an operator named it, who used it up, and its
 * terms. The secret half of the token is kept as a hash only. Pure but for the random bytes that are passed in.
 */
import { createHash } from 'node:crypto';
import {
  flotillaKey,
  formatTime,
  type KubeObject,
  tokenSecretHashKey,
  tokenUsedByAnnotation,
} from '@flotilla/api';
import type { Random } from '@flotilla/kube';
import { type TokenTerms, termsToAnnotations } from './token-terms.js';

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

/** The Secret that makes the token known to the API server; who reads it cannot join with it. */
export function bootstrapTokenSecret(
  token: BootstrapToken,
  { expiresAtMs, cluster, ...terms }: TokenTerms & { expiresAtMs: number; cluster?: string },
): KubeObject {
  const annotations = {
    ...(cluster !== undefined && { [tokenClusterAnnotation]: cluster, [tokenRejoinAnnotation]: 'true' }),
    ...termsToAnnotations(terms),
  };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: 'bootstrap.kubernetes.io/token',
    metadata: {
      name: bootstrapTokenSecretName(token.id),
      namespace: bootstrapTokenNamespace,
      ...(Object.keys(annotations).length > 0 && { annotations }),
    },
    stringData: {
      'token-id': token.id,
      [tokenSecretHashKey]: createHash('sha256').update(token.secret).digest('hex'),
      expiration: formatTime(expiresAtMs),
      'usage-bootstrap-authentication': 'true',
      'auth-extra-groups': bootstrapGroup,
      description: cluster === undefined ? 'joins one cluster' : `joins the cluster ${cluster}`,
    },
  };
}

/** Which cluster a token has joined; a token that has cannot be used again. */
export function tokenUsedBy(secret: KubeObject): string | undefined {
  return secret.metadata.annotations?.[tokenUsedByAnnotation];
}
