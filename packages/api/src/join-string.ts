/**
 * The one line that `hub token create` prints and `klusterlet join` reads: where the hub is, a bootstrap token, and
 * the pin of the hub's CA, so that joining never trusts on first use. Pure.
 *
 * Form: `https://HOST:PORT/?token=<id>.<secret>&ca=sha256:<hex>[&cluster=<name>|&names=<pattern>][&also=<URL>]…`. `ca` is the
 * SHA-256 of the CA certificate's SubjectPublicKeyInfo, the same value as kubeadm's discovery-token-ca-cert-hash.
 */
export interface JoinString {
  /** `https://host:port`, without a path. */
  readonly server: string;
  /** Bootstrap token, `<6 characters>.<16 characters>`. */
  readonly token: string;
  /** `sha256:<64 hex digits>`. */
  readonly caHash: string;
  /** The one cluster name that the token may join as. */
  readonly cluster?: string;
  /** Pattern of the names that the token may join as; `*` stands for any characters. */
  readonly names?: string;
  /** Further addresses of the same hub, for when the first does not answer. */
  readonly alternatives?: readonly string[];
}

const tokenForm = /^[a-z0-9]{6}\.[a-z0-9]{16}$/;
const hashForm = /^sha256:[0-9a-f]{64}$/;

export function formatJoinString(join: JoinString): string {
  const cluster = join.cluster === undefined ? '' : `&cluster=${encodeURIComponent(join.cluster)}`;
  const also = (join.alternatives ?? []).map((url) => `&also=${encodeURIComponent(url)}`).join('');
  const names = join.names === undefined ? '' : `&names=${encodeURIComponent(join.names)}`;
  return `${join.server}/?token=${join.token}&ca=${join.caHash}${cluster}${names}${also}`;
}

/** @throws Error that says which part of the line is wrong; never repeats the token. */
export function parseJoinString(text: string): JoinString {
  let url: URL;
  try {
    url = new URL(text.trim());
  } catch (cause) {
    throw invalid('it is not a URL', cause);
  }
  if (url.protocol !== 'https:') throw invalid(`it must begin with https://, not ${url.protocol}//`);
  const token = url.searchParams.get('token') ?? '';
  if (!tokenForm.test(token))
    throw invalid('its token must have the form <6 letters or digits>.<16 letters or digits>');
  const caHash = url.searchParams.get('ca') ?? '';
  if (!hashForm.test(caHash)) throw invalid('its ca must have the form sha256:<64 hex digits>');
  const cluster = url.searchParams.get('cluster');
  const names = url.searchParams.get('names');
  const alternatives = url.searchParams.getAll('also').map(readAlternative);
  return {
    server: url.origin,
    token,
    caHash,
    ...(cluster !== null && { cluster }),
    ...(names !== null && { names }),
    ...(alternatives.length > 0 && { alternatives }),
  };
}

/** Whether a cluster name fits a pattern of `names`. */
export function matchesNames(pattern: string, name: string): boolean {
  const parts = pattern.split('*').map((part) => part.replaceAll(/[^a-z0-9-]/g, '\\$&'));
  return new RegExp(`^${parts.join('.*')}$`).test(name);
}

function readAlternative(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol !== 'https:')
    throw invalid('each of its further addresses (also) must be a URL that begins with https://');
  return url.origin;
}

function invalid(why: string, cause?: unknown): Error {
  return new Error(
    `the join string cannot be read: ${why}; copy the whole line that "hub token create" printed, in single quotes`,
    { cause },
  );
}
