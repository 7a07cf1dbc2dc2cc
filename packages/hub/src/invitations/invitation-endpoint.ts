/**
 * `GET /join/<id>.<secret>`: gives the manifest by which a cluster joins to the first who shows the secret of an
 * invitation in its time. RBAC lets everybody ask, since `kubectl apply -f URL` shows no credentials; wrong guesses are
 * few. Of servers that share a store one wins: the use is written before anything is given away.
 */
import {
  formatJoinString,
  formatTime,
  hasReason,
  hubFieldManager,
  type KubeObject,
  newStatusError,
} from '@flotilla/api';
import { type Env, type KubeClient, wellKnown } from '@flotilla/kube';
import { bootstrapTokenSecret, createBootstrapToken } from '../tokens/bootstrap-token.js';
import { readTerms, type TokenTerms } from '../tokens/token-terms.js';
import { AttemptLimit } from './attempt-limit.js';
import {
  type Invitation,
  type InvitationKey,
  invitationName,
  invitationNamespace,
  invitationUsedAnnotation,
  invitationUserAnnotation,
  isInvitationOf,
  parseInvitationPath,
  readInvitation,
} from './invitation.js';

/** What it sees of a request to the server. */
export interface InvitationRequest {
  readonly method: string;
  readonly path: string;
  readonly remoteAddress: string;
}

export interface InvitationResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

export interface InvitationEndpointOptions {
  readonly env: Env;
  /** The server's own client, once it runs. */
  readonly client: () => KubeClient;
}

const remedy = 'make another with "hub token create --manifest"';

/** What is under the first segment `invitationPath`. */
export function createInvitationEndpoint({
  env,
  client,
}: InvitationEndpointOptions): (request: InvitationRequest) => Promise<InvitationResponse> {
  const limit = new AttemptLimit(env.clock);
  return async (request) => {
    // A look ahead (HEAD, as previews of links make) must not use it up.
    if (request.method !== 'GET')
      throw newStatusError(405, 'MethodNotAllowed', { message: `${request.method} is not supported` });
    const { remoteAddress } = request;
    refuseEager(limit.waitMs(remoteAddress));
    const key = parseInvitationPath(request.path);
    const secret = key && (await findSecret(client(), key));
    if (secret === undefined) {
      limit.count(remoteAddress);
      throw newStatusError(404, 'NotFound', { message: 'there is no such invitation' });
    }
    const invitation = readInvitation(secret);
    refuseOld(invitation, env.clock.now());
    await markUsed(client(), secret, { at: formatTime(env.clock.now()), from: remoteAddress });
    const terms = readTerms(secret);
    const joinString = await createJoinString(client(), env, { ...invitation, terms });
    // Loaded when somebody joins: the hub starts without it.
    const { klusterletManifest } = await import('./klusterlet-manifest.js');
    const { cluster, image } = invitation;
    env.log.info('join invitation used', { cluster, address: remoteAddress });
    const list = klusterletManifest(joinString, { ...(image !== undefined && { image }) });
    return {
      status: 200,
      headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
      body: Buffer.from(`${JSON.stringify(list, undefined, 2)}\n`),
    };
  };
}

function refuseEager(waitMs: number): void {
  if (waitMs <= 0) return;
  const retryAfterSeconds = Math.ceil(waitMs / 1000);
  throw newStatusError(429, 'TooManyRequests', {
    message: `too many requests for invitations that do not exist; try again in ${retryAfterSeconds} s`,
    details: { retryAfterSeconds },
  });
}

/** Who knows the secret is told why it is not good any more. */
function refuseOld({ used, expiresAtMs }: Invitation, nowMs: number): void {
  if (used !== undefined) throw gone(`was already used at ${used.at} from ${used.from}`);
  if (nowMs >= expiresAtMs) throw gone(`expired at ${formatTime(expiresAtMs)}`);
}

function gone(why: string): Error {
  return newStatusError(410, 'Gone', { message: `the invitation ${why}; ${remedy}` });
}

async function findSecret(client: KubeClient, key: InvitationKey): Promise<KubeObject | undefined> {
  const at = { namespace: invitationNamespace, name: invitationName(key.id) };
  try {
    const secret = await client.get<KubeObject>(wellKnown.secrets, at);
    return isInvitationOf(key, secret) ? secret : undefined;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return undefined;
    throw error;
  }
}

async function markUsed(
  client: KubeClient,
  { metadata }: KubeObject,
  use: { readonly at: string; readonly from: string },
): Promise<void> {
  const { name = '', uid, resourceVersion } = metadata;
  const annotations = { [invitationUsedAnnotation]: use.at, [invitationUserAnnotation]: use.from };
  try {
    await client.patch(
      wellKnown.secrets,
      { namespace: invitationNamespace, name },
      {
        type: 'merge',
        body: { metadata: { uid, resourceVersion, annotations } },
        fieldManager: hubFieldManager,
      },
    );
  } catch (error) {
    if (hasReason(error, 'Conflict', 'NotFound')) throw gone('was used at this very moment');
    throw error;
  }
}

async function createJoinString(
  client: KubeClient,
  env: Env,
  invitation: Invitation & { readonly terms: TokenTerms },
): Promise<string> {
  const { terms, cluster, servers, caHash, tokenTtlMs } = invitation;
  const token = createBootstrapToken(env.random);
  const expiresAtMs = env.clock.now() + tokenTtlMs;
  await client.create(wellKnown.secrets, bootstrapTokenSecret(token, { ...terms, expiresAtMs, cluster }));
  const [server, ...alternatives] = servers;
  return formatJoinString({ server, alternatives, token: `${token.id}.${token.secret}`, caHash, cluster });
}
