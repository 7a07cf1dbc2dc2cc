/**
 * Bootstrap tokens (`<id>.<secret>`, kept as Secrets in kube-system). Only to somebody who has the whole token does
 * a refusal say why: then the reason betrays nothing, and the user of an old join line learns what to do.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import {
  type KubeObject,
  newUnauthorized,
  parseTime,
  tokenSecretHashKey,
  tokenUsedByAnnotation,
} from '@flotilla/api';
import type { Clock } from '@flotilla/kube';
import type { TokenAuthenticator } from './authenticator.js';
import type { ObjectReader } from './object-reader.js';

const tokenForm = /^([a-z0-9]{6})\.([a-z0-9]{16})$/;
const groupForm = /^system:bootstrappers:[a-z0-9:-]{0,255}[a-z0-9]$/;

export function createBootstrapTokenAuthenticator(options: {
  reader: ObjectReader;
  clock: Clock;
}): TokenAuthenticator {
  return {
    authenticate(token) {
      const match = tokenForm.exec(token);
      if (match?.[1] === undefined || match[2] === undefined) return undefined;
      const [, id, secretPart] = match;
      const name = `bootstrap-token-${id}`;
      const secret = options.reader.get('', 'secrets', { namespace: 'kube-system', name });
      const data = secret === undefined ? undefined : decodeData(secret);
      const isRight =
        data !== undefined &&
        secret?.['type'] === 'bootstrap.kubernetes.io/token' &&
        data['token-id'] === id &&
        isSecretOf(data, secretPart) &&
        data['usage-bootstrap-authentication'] === 'true';
      if (!isRight || secret === undefined)
        throw newUnauthorized('Unauthorized: the bootstrap token is not known');
      refuseOld(secret, { expiration: data['expiration'], nowMs: options.clock.now() });
      const groups = (data['auth-extra-groups'] ?? '').split(',').filter((group) => groupForm.test(group));
      return { user: { username: `system:bootstrap:${id}`, groups: ['system:bootstrappers', ...groups] } };
    },
  };
}

function refuseOld(
  secret: KubeObject,
  { expiration, nowMs }: { expiration: string | undefined; nowMs: number },
): void {
  const remedy = 'make a new one with "hub token create"';
  if (secret.metadata.deletionTimestamp !== undefined) throw newUnauthorized();
  const usedBy = secret.metadata.annotations?.[tokenUsedByAnnotation];
  if (usedBy !== undefined) {
    throw newUnauthorized(`Unauthorized: the bootstrap token was already used to join ${usedBy}; ${remedy}`);
  }
  if (expiration !== undefined && isPast(expiration, nowMs)) {
    throw newUnauthorized(`Unauthorized: the bootstrap token expired at ${expiration}; ${remedy}`);
  }
}

/** A time that cannot be read counts as past. */
function isPast(text: string, nowMs: number): boolean {
  try {
    return nowMs >= parseTime(text);
  } catch (error) {
    if (error instanceof Error) return true;
    throw error;
  }
}

function decodeData(secret: KubeObject): Record<string, string> {
  const data = (secret['data'] ?? {}) as Record<string, string>; // v1 Secret
  return Object.fromEntries(
    Object.entries(data).map(([key, value]) => [key, Buffer.from(value, 'base64').toString('utf8')]),
  );
}

/** Kept as a hash, or as Kubernetes keeps it. Takes the same time wherever the texts differ. */
function isSecretOf(data: Readonly<Record<string, string>>, shown: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest();
  const hash = data[tokenSecretHashKey];
  const kept = hash === undefined ? digest(data['token-secret'] ?? '') : Buffer.from(hash, 'hex');
  return kept.length === 32 && timingSafeEqual(kept, digest(shown));
}
