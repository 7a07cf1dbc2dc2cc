/**
 * Fills Secrets of type kubernetes.io/service-account-token with the token of the account that they name, and removes
 * them when the account is gone. Behaviour of kube-controller-manager's serviceaccount-token-controller.
 */
import { hasReason, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { createController, createInformer, keyOf, onAbort, parseKey, wellKnown } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import {
  accountNameAnnotation,
  accountUidAnnotation,
  type LegacyTokenSubject,
  legacyTokenIn,
  legacyTokenType,
} from '../service-accounts/legacy-tokens.js';
import type { ControlLoop, ControllerContext } from './control-loop.js';

export interface LegacyTokenContext extends ControllerContext {
  readonly reader: ObjectReader;
  readonly signLegacyToken: (subject: LegacyTokenSubject) => string;
  /** PEM, put beside the token. */
  readonly ca: string;
  readonly signal: AbortSignal;
}

export function createLegacyTokenController(context: LegacyTokenContext): ControlLoop {
  const { client, env, reader, signal } = context;
  const secrets = createInformer<KubeObject>(client, wellKnown.secrets, {
    env,
    fieldSelector: `type=${legacyTokenType}`,
    transform: withoutData,
  });
  const controller = createController({
    name: 'serviceaccount-token',
    env,
    maxDelayMs: 60_000,
    reconcile: async (key) => {
      const { namespace = '', name } = parseKey(key);
      const secret = reader.get('', 'secrets', { namespace, name });
      if (secret === undefined || secret['type'] !== legacyTokenType) return undefined;
      if (secret.metadata.deletionTimestamp !== undefined) return undefined;
      const account = accountOf(secret, reader);
      try {
        if (account === undefined) await remove(context, secret);
        else await fill(context, secret, account);
      } catch (error) {
        // Conflict: it was changed meanwhile, and its event brings it back.
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
      return undefined;
    },
  });
  secrets.onChange(({ type, object }) => {
    if (type !== 'deleted') controller.enqueue(keyOf(object));
  });
  const stop = reader.onChange('', 'serviceaccounts', ({ type, object }) => {
    if (type !== 'DELETED') return;
    const { namespace, name } = object.metadata;
    for (const secret of secrets.cache.list()) {
      const { annotations } = secret.metadata;
      if (secret.metadata.namespace === namespace && annotations?.[accountNameAnnotation] === name) {
        controller.enqueue(keyOf(secret));
      }
    }
  });
  onAbort(signal, stop);
  return { informers: [secrets], controllers: [controller] };
}

/** Undefined: it does not exist, or is another one of the same name. */
function accountOf({ metadata }: KubeObject, reader: ObjectReader): KubeObject | undefined {
  const { namespace = '', annotations = {} } = metadata;
  const name = annotations[accountNameAnnotation] ?? '';
  const uid = annotations[accountUidAnnotation] ?? '';
  const account = reader.get('', 'serviceaccounts', { namespace, name });
  return uid === '' || account?.metadata.uid === uid ? account : undefined;
}

async function remove({ client, env }: LegacyTokenContext, { metadata }: KubeObject): Promise<void> {
  const { namespace = '', name = '', uid, resourceVersion } = metadata;
  await client.delete(
    wellKnown.secrets,
    { namespace, name },
    { preconditions: { ...(uid && { uid }), ...(resourceVersion && { resourceVersion }) } },
  );
  env.log.info('secret of a service account that is gone removed', { namespace, name });
}

async function fill(
  { client, ca, signLegacyToken }: LegacyTokenContext,
  secret: KubeObject,
  account: KubeObject,
): Promise<void> {
  const { namespace = '', name = '', resourceVersion, annotations = {} } = secret.metadata;
  const { name: accountName = '', uid = '' } = account.metadata;
  const found = isObject(secret['data']) ? (secret['data'] as JsonObject) : {};
  const encode = (text: string): string => Buffer.from(text).toString('base64');
  const wanted: Record<string, string> = { 'ca.crt': encode(ca), namespace: encode(namespace) };
  // A token that is there stays, whoever wrote it.
  if (legacyTokenIn(secret) === '') {
    wanted['token'] = encode(signLegacyToken({ namespace, name: accountName, uid, secret: name }));
  }
  const data = Object.fromEntries(Object.entries(wanted).filter(([key, value]) => found[key] !== value));
  const isNamed = annotations[accountUidAnnotation] === uid;
  if (Object.keys(data).length === 0 && isNamed) return;
  const body = { metadata: { resourceVersion, annotations: { [accountUidAnnotation]: uid } }, data };
  await client.patch(wellKnown.secrets, { namespace, name }, { type: 'merge', body });
}

/** What is kept in memory: whose it is, and nothing that opens anything. */
function withoutData({ apiVersion, kind, metadata }: KubeObject): KubeObject {
  const { name, namespace, uid, resourceVersion, annotations = {} } = metadata;
  const account = annotations[accountNameAnnotation] ?? '';
  const kept = { name, namespace, uid, resourceVersion, annotations: { [accountNameAnnotation]: account } };
  return { apiVersion, kind, metadata: kept as KubeObject['metadata'] }; // a stored object has them all
}
