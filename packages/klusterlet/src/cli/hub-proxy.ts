/** Through which proxy the hub is reached: the one that was given when joining, else that of the environment. */
import { BlockList, isIP } from 'node:net';
import { UsageError } from '@flotilla/kube/cli';
import type { ProxyOptions } from '@flotilla/kube/node';

/** As HTTPS_PROXY and NO_PROXY say; this machine itself is never reached through a proxy of the environment. */
export function hubProxy(
  server: string,
  given: { readonly url?: string; readonly ca?: string | (() => string) },
): ProxyOptions | undefined {
  const ca = given.ca === undefined ? {} : { ca: given.ca };
  if (given.url !== undefined) return { url: given.url, ...ca };
  const url = process.env['HTTPS_PROXY'] ?? process.env['https_proxy'];
  if (url === undefined || url === '' || isThisMachine(new URL(server).hostname)) return undefined;
  const noProxy = process.env['NO_PROXY'] ?? process.env['no_proxy'];
  return { url, ...ca, ...(noProxy !== undefined && { noProxy }) };
}

function isThisMachine(hostname: string): boolean {
  const host = hostname.replace(/^\[|\]$/g, '');
  const loopback = new BlockList();
  loopback.addSubnet('127.0.0.0', 8, 'ipv4');
  loopback.addAddress('::1', 'ipv6');
  const family = isIP(host);
  return host === 'localhost' || (family !== 0 && loopback.check(host, family === 4 ? 'ipv4' : 'ipv6'));
}

/** @throws UsageError */
export function parseProxyUrl(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return text;
  throw new UsageError('--proxy-url must be a URL that begins with http:// or https://');
}
