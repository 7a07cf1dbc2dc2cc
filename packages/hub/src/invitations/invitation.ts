/**
 * Invitations: a URL of the hub that gives, once and for a while, what lets one cluster join. The secret in the URL is
 * kept as a hash only, in a Secret of a type of our own in kube-system; the bootstrap token behind it does not exist
 * before somebody shows the secret. Pure but for the random bytes that are passed in.
 */
import { createHash, timingSafeEqual } from 'node:crypto';
import { flotillaKey, formatTime, isObject, type KubeObject, parseTime } from '@flotilla/api';
import type { Random } from '@flotilla/kube';
import { bootstrapTokenNamespace } from '../tokens/bootstrap-token.js';

export const invitationNamespace = bootstrapTokenNamespace;
export const invitationType = 'flotilla.dev/join-invitation';
/** First segment of the path under which invitations are shown. */
export const invitationPath = 'join';
/** When the invitation was used, and from which address: both absent while it is good. */
export const invitationUsedAnnotation = flotillaKey('used-at');
export const invitationUserAnnotation = flotillaKey('used-from');

/** What the URL says: which invitation, and the proof that it was handed over. */
export interface InvitationKey {
  readonly id: string;
  readonly secret: string;
}

/** What whoever shows the secret gets. */
export interface InvitationTerms {
  readonly cluster: string;
  /** Addresses of the hub for the klusterlet, the first first. */
  readonly servers: readonly [string, ...string[]];
  /** Pin of the hub's CA, `sha256:<hex>`. */
  readonly caHash: string;
  /** How long the bootstrap token lives from when the invitation is used. */
  readonly tokenTtlMs: number;
  /** The klusterlet's image; absent: as deploy/klusterlet has it. */
  readonly image?: string;
}

export interface Invitation extends InvitationTerms {
  readonly expiresAtMs: number;
  readonly used?: { readonly at: string; readonly from: string };
}

const keyForm = /^([0-9a-f]{12})\.([A-Za-z0-9_-]{32})$/;

export function createInvitationKey(random: Pick<Random, 'bytes'>): InvitationKey {
  return {
    id: Buffer.from(random.bytes(6)).toString('hex'),
    secret: Buffer.from(random.bytes(24)).toString('base64url'),
  };
}

export function invitationName(id: string): string {
  return `join-invitation-${id}`;
}

/** `server`: `https://host:port`. */
export function invitationUrl(server: string, { id, secret }: InvitationKey): string {
  return `${server.replace(/\/+$/, '')}/${invitationPath}/${id}.${secret}`;
}

/** Undefined when the path is not that of an invitation. */
export function parseInvitationPath(path: string): InvitationKey | undefined {
  const [, first, text = '', ...more] = path.split('/');
  const match = first === invitationPath && more.length === 0 ? keyForm.exec(text) : null;
  const [, id, secret] = match ?? [];
  return id === undefined || secret === undefined ? undefined : { id, secret };
}

export function invitationSecret(
  key: InvitationKey,
  { expiresAtMs, ...terms }: InvitationTerms & { readonly expiresAtMs: number },
): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    type: invitationType,
    metadata: { name: invitationName(key.id), namespace: invitationNamespace },
    stringData: {
      hash: digestOf(key.secret).toString('hex'),
      expiration: formatTime(expiresAtMs),
      cluster: terms.cluster,
      servers: terms.servers.join('\n'),
      'ca-hash': terms.caHash,
      'token-ttl-seconds': String(Math.ceil(terms.tokenTtlMs / 1000)),
      ...(terms.image !== undefined && { image: terms.image }),
    },
  };
}

/** Whether the Secret is the invitation of this key. Takes the same time wherever the secrets differ. */
export function isInvitationOf(key: InvitationKey, secret: KubeObject): boolean {
  const kept = Buffer.from(readData(secret)['hash'] ?? '', 'hex');
  const shown = digestOf(key.secret);
  return secret['type'] === invitationType && kept.length === shown.length && timingSafeEqual(kept, shown);
}

/** @throws Error that names what is missing in a Secret that somebody changed. */
export function readInvitation(secret: KubeObject): Invitation {
  const data = readData(secret);
  const read = (name: string): string => {
    const text = data[name];
    if (text === undefined || text === '') throw new Error(`the invitation has no ${name}`);
    return text;
  };
  const [server = '', ...others] = read('servers').split('\n');
  const seconds = Number(read('token-ttl-seconds'));
  if (!Number.isInteger(seconds) || seconds < 1) throw new Error('the invitation has no token-ttl-seconds');
  const { annotations = {} } = secret.metadata;
  const at = annotations[invitationUsedAnnotation];
  const { image } = data;
  return {
    cluster: read('cluster'),
    servers: [server, ...others],
    caHash: read('ca-hash'),
    tokenTtlMs: seconds * 1000,
    expiresAtMs: parseTime(read('expiration')),
    ...(image !== undefined && { image }),
    ...(at !== undefined && { used: { at, from: annotations[invitationUserAnnotation] ?? '' } }),
  };
}

function digestOf(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function readData({ data }: KubeObject): Partial<Record<string, string>> {
  const entries = isObject(data) ? Object.entries(data) : [];
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Buffer.from(String(value), 'base64').toString('utf8')]),
  );
}
