/** Where a request came from, proxies included, as kube-apiserver records it: nearest last. Not to be trusted. Pure. */
import type { ApiRequest } from '../server/handler.js';

const address = /^[0-9a-fA-F:.]+$/;

export function sourceIps({
  headers,
  remoteAddress,
}: Pick<ApiRequest, 'headers' | 'remoteAddress'>): string[] {
  const forwarded = headers['x-forwarded-for'];
  const found =
    forwarded === undefined
      ? []
      : String(forwarded)
          .split(',')
          .map((part) => part.trim());
  const real = headers['x-real-ip'];
  if (typeof real === 'string') found.push(real.trim());
  if (remoteAddress !== '') found.push(remoteAddress.replace(/^::ffff:(?=\d+\.)/, ''));
  return found.filter((ip, i) => address.test(ip) && found.indexOf(ip) === i);
}
