/**
 * What lets a klusterlet ask a hub to join: the join string of our own hub, or the bootstrap kubeconfig that other OCM
 * hubs hand out. Reads files and says what is wrong with them; asks no hub.
 */
import { dirname, resolve } from 'node:path';
import { type JoinString, parseJoinString } from '@flotilla/api';
import { type Env, type Kubeconfig, loadKubeconfig, publicKeyHash } from '@flotilla/kube';
import { UsageError } from '@flotilla/kube/cli';

export interface Invitation {
  /** As it was given: it also tells one hub's works from another's. */
  readonly server: string;
  readonly token: string;
  /** Of the public key of the hub's CA, `sha256:<hex>`. */
  readonly caHash: string;
  /** The hub's CA as PEM; absent: the hub shows it, and the hash says whether it is the right one. */
  readonly ca?: string;
  /** Further addresses of the same hub. */
  readonly alternatives?: readonly string[];
  /** Of the proxy through which the hub is reached. */
  readonly proxyUrl?: string;
  /** The one cluster that may join. */
  readonly cluster?: string;
  /** Pattern of the names that may join. */
  readonly names?: string;
}

export interface InvitationSource {
  readonly joinString?: string;
  readonly bootstrapKubeconfig?: string;
}

/** @throws UsageError unless there is exactly one source, and it can be read. */
export async function readInvitation(
  { joinString, bootstrapKubeconfig }: InvitationSource,
  env: Pick<Env, 'files'>,
): Promise<Invitation> {
  if (joinString !== undefined && bootstrapKubeconfig !== undefined) {
    throw new UsageError('give a join string or --bootstrap-kubeconfig, not both');
  }
  try {
    if (bootstrapKubeconfig !== undefined) return await fromKubeconfig(resolve(bootstrapKubeconfig), env);
    if (joinString !== undefined) return fromJoinString(parseJoinString(joinString));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error), { cause: error });
  }
  throw new UsageError('a join string is missing, or --bootstrap-kubeconfig in its place');
}

function fromJoinString({ server, token, caHash, cluster, names, alternatives }: JoinString): Invitation {
  return {
    server,
    token,
    caHash,
    ...(cluster !== undefined && { cluster }),
    ...(names !== undefined && { names }),
    ...(alternatives && { alternatives }),
  };
}

async function fromKubeconfig(file: string, { files }: Pick<Env, 'files'>): Promise<Invitation> {
  const folder = dirname(file);
  const readText = async (path: string): Promise<string> => {
    const data = await files.read(resolve(folder, path));
    if (data === undefined) throw new Error(`${resolve(folder, path)} does not exist`);
    return Buffer.from(data).toString('utf8');
  };
  const { cluster, user }: Kubeconfig = loadKubeconfig(await readText(file), { file });
  const ca = cluster.caData ?? (cluster.caFile && (await readText(cluster.caFile)));
  if (ca === undefined || ca === '') {
    throw new Error(`the bootstrap kubeconfig ${file} has no certificate-authority-data for the hub`);
  }
  const token = user.token ?? (user.tokenFile && (await readText(user.tokenFile)).trim());
  if (token === undefined || token === '') {
    throw new Error(`the bootstrap kubeconfig ${file} has no token: a klusterlet asks to join with a token`);
  }
  const { server, proxyUrl } = cluster;
  return { server, token, caHash: publicKeyHash(ca), ca, ...(proxyUrl !== undefined && { proxyUrl }) };
}
