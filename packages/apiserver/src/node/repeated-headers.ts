/**
 * Headers that name somebody, each repetition by itself: Node joins repeated headers with commas, which names of groups
 * may hold. Called by the HTTP front for every request, so that others pay for one look-up.
 */
import type { FrontProxySettings } from '../authentication/front-proxy.js';
import type { ApiRequest } from '../server/handler.js';
import type { Exchange } from './http-exchange.js';

export type KeepApart = (exchange: Pick<Exchange, 'headers' | 'rawHeaders'>) => ApiRequest['headers'];

export function createKeepApart(frontProxy?: FrontProxySettings): KeepApart {
  const proxyHeaders = [
    ...(frontProxy?.usernameHeaders ?? []),
    ...(frontProxy?.uidHeaders ?? []),
    ...(frontProxy?.groupHeaders ?? []),
  ].map((name) => name.toLowerCase());
  const prefixes = [
    'impersonate-',
    ...(frontProxy?.extraHeadersPrefix ?? []).map((name) => name.toLowerCase()),
  ];
  const signs = [
    'impersonate-user',
    ...(frontProxy?.usernameHeaders ?? []).map((name) => name.toLowerCase()),
  ];
  const isNaming = (name: string): boolean =>
    prefixes.some((prefix) => name.startsWith(prefix)) || proxyHeaders.includes(name);
  return ({ headers: joined, rawHeaders }) => {
    if (!signs.some((name) => joined[name] !== undefined)) return joined;
    const headers: Record<string, string | readonly string[] | undefined> = { ...joined };
    const apart = new Map<string, string[]>();
    for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
      const name = (rawHeaders[i] ?? '').toLowerCase();
      if (!isNaming(name)) continue;
      const values = apart.get(name) ?? [];
      values.push(rawHeaders[i + 1] ?? '');
      apart.set(name, values);
    }
    for (const [name, values] of apart) headers[name] = values.length === 1 ? values[0] : values;
    return headers;
  };
}
