/**
 * A proxy in front of the server that has authenticated the caller itself and says who it is in headers. It is known by
 * its own client certificate, signed by an authority for proxies alone; from anybody else the headers mean nothing.
 * k8s.io/apiserver authentication/request/headerrequest; apiserver.md 6.1.
 */
import { createHash } from 'node:crypto';
import { newUnauthorized } from '@flotilla/api';
import { type Clock, PkiError, parseCertificate, splitCertificates, verifyChain } from '@flotilla/kube';
import { LRUCache } from 'lru-cache';
import type { ApiRequest } from '../server/handler.js';
import type { UserInfo } from './user.js';

/** Names as in the flags `--requestheader-*`; header names in any case. */
export interface FrontProxySettings {
  /** PEM bundle of the issuers of proxies' certificates; asked each time, so that it may change. */
  readonly clientCa: () => string;
  /** Common names of proxies; empty: whoever has a certificate of the issuers. */
  readonly allowedNames: readonly string[];
  readonly usernameHeaders: readonly string[];
  readonly uidHeaders: readonly string[];
  readonly groupHeaders: readonly string[];
  readonly extraHeadersPrefix: readonly string[];
}

/** Undefined: not from a proxy, or it names nobody. Throws StatusError 401 when headers come from a false proxy. */
export interface FrontProxyAuthenticator {
  authenticate(request: ApiRequest): UserInfo | undefined;
}

type Headers = ApiRequest['headers'];

export function createFrontProxyAuthenticator(
  settings: FrontProxySettings,
  { clock }: { readonly clock: Pick<Clock, 'now'> },
): FrontProxyAuthenticator {
  const lower = (names: readonly string[]): readonly string[] => names.map((name) => name.toLowerCase());
  const usernames = lower(settings.usernameHeaders);
  const uids = lower(settings.uidHeaders);
  const groups = lower(settings.groupHeaders);
  const prefixes = lower(settings.extraHeadersPrefix);
  const isProxy = createProxyCheck(settings, clock);
  return {
    authenticate({ headers, clientCertificates }) {
      const username = firstOf(headers, usernames);
      // The headers first: few requests have them, and all have certificates.
      if (username === '' || clientCertificates.length === 0) return undefined;
      isProxy(clientCertificates);
      const uid = firstOf(headers, uids);
      const extra = extraOf(headers, prefixes);
      return {
        username,
        groups: groups.flatMap((name) => allOf(headers[name])),
        ...(uid !== '' && { uid }),
        ...(extra.size > 0 && { extra: Object.fromEntries(extra) }),
      };
    },
  };
}

/** Proxies are few; a connection's certificate is the same for all its requests. */
const maxCached = 1000;

function createProxyCheck(
  { clientCa, allowedNames }: FrontProxySettings,
  clock: Pick<Clock, 'now'>,
): (chain: readonly Uint8Array[]) => void {
  const verified = new LRUCache<string, { readonly bundle: string; readonly notAfterMs: number }>({
    max: maxCached,
  });
  return (chain) => {
    const [leaf = new Uint8Array(), ...intermediates] = chain;
    const fingerprint = createHash('sha256').update(leaf).digest('base64');
    const bundle = clientCa();
    const nowMs = clock.now();
    const known = verified.get(fingerprint);
    if (known?.bundle === bundle && nowMs <= known.notAfterMs) return;
    try {
      const cas = splitCertificates(bundle);
      const path = verifyChain(leaf, { cas, intermediates, nowMs, usage: 'clientAuth' });
      const { commonName } = parseCertificate(leaf).subject;
      if (allowedNames.length > 0 && !allowedNames.includes(commonName)) {
        throw new PkiError(`the proxy with the common name ${JSON.stringify(commonName)} is not allowed`);
      }
      verified.set(fingerprint, { bundle, notAfterMs: Math.min(...path.map((one) => one.notAfterMs)) });
    } catch (error) {
      if (error instanceof PkiError) throw newUnauthorized(`Unauthorized: ${error.message}`);
      throw error;
    }
  };
}

function firstOf(headers: Headers, names: readonly string[]): string {
  for (const name of names) {
    const [value] = allOf(headers[name]);
    if (value !== undefined) return value;
  }
  return '';
}

/** The front keeps repeated headers apart, so a comma is part of a name. */
function allOf(value: string | readonly string[] | undefined): readonly string[] {
  const values = value === undefined ? [] : typeof value === 'string' ? [value] : value;
  return values.filter((one) => one !== '');
}

function extraOf(headers: Headers, prefixes: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const extra = new Map<string, readonly string[]>();
  for (const [name, value] of Object.entries(headers)) {
    const prefix = prefixes.find((one) => name.startsWith(one) && name.length > one.length);
    if (prefix === undefined) continue;
    const key = decodeKey(name.slice(prefix.length));
    extra.set(key, [...(extra.get(key) ?? []), ...allOf(value)]);
  }
  return extra;
}

/** Percent-encoded where a header name could not hold it; what is not well-formed is taken as it is. */
function decodeKey(text: string): string {
  try {
    return decodeURIComponent(text).toLowerCase();
  } catch (error) {
    if (error instanceof URIError) return text.toLowerCase();
    throw error;
  }
}
