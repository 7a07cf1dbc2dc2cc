/**
 * Reaching a server through an HTTP(S) proxy by CONNECT, and deciding when not to. Settings come as options in the
 * form of HTTPS_PROXY and NO_PROXY. Called by the dialler and the HTTPS transport.
 */
import { BlockList, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, rootCertificates } from 'node:tls';
import { TransportError } from '../client/transport.js';
import { onAbort } from '../env/abort.js';
import { dialTcp, startTls } from './dial-steps.js';
import { formatPeer, type Peer, toTransportError } from './transport-errors.js';

export interface ProxyOptions {
  /** `http://[user:password@]host[:port]`, or https. */
  readonly url: string;
  /** As NO_PROXY: hosts, `.domains`, addresses, CIDRs, `host:port`, or `*`, with commas between. */
  readonly noProxy?: string;
  /** PEM: trusted for a proxy of https besides the usual authorities. A function is asked at each dial. */
  readonly ca?: string | (() => string);
}

const maxHeadBytes = 16 * 1024;

/** True when the peer is to be reached directly. */
export function bypassesProxy({ host, port }: Peer, noProxy: string): boolean {
  const name = host.toLowerCase();
  return noProxy.split(',').some((part) => {
    const entry = part.trim().toLowerCase();
    if (entry === '') return false;
    if (entry === '*' || entry === name || entry === `${name}:${port}`) return true;
    if (isIP(name) !== 0) return entry.includes('/') && inCidr(name, entry);
    const domain = entry.replace(/^\*?\.?/, '.');
    return name.endsWith(domain) || (domain.endsWith(`:${port}`) && `${name}:${port}`.endsWith(domain));
  });
}

function inCidr(address: string, cidr: string): boolean {
  const [network = '', bits = ''] = cidr.split('/');
  const family = isIP(network);
  const prefix = Number(bits);
  if (family === 0 || family !== isIP(address) || !Number.isInteger(prefix)) return false;
  if (prefix < 0 || prefix > (family === 4 ? 32 : 128)) return false;
  const list = new BlockList();
  list.addSubnet(network, prefix, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(address, family === 4 ? 'ipv4' : 'ipv6');
}

interface ConnectOptions {
  readonly proxy: Pick<ProxyOptions, 'url' | 'ca'>;
  readonly signal: AbortSignal;
}

/** A connection to `peer` through the proxy, ready for TLS. */
export async function connectThroughProxy(peer: Peer, options: ConnectOptions): Promise<Socket> {
  const url = parseProxyUrl(options.proxy.url);
  const secure = url.protocol === 'https:';
  const proxy: Peer = {
    label: 'proxy',
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (secure ? 443 : 80) : Number(url.port),
  };
  const plain = await dialTcp(proxy, options.signal);
  const tls = trustOf(options.proxy);
  const socket = secure ? await startTls(plain, { peer: proxy, tls, signal: options.signal }) : plain;
  const target = `${isIP(peer.host) === 6 ? `[${peer.host}]` : peer.host}:${peer.port}`;
  const user = `${decodeURIComponent(url.username)}:${decodeURIComponent(url.password)}`;
  const credentials =
    user === ':' ? '' : `proxy-authorization: Basic ${Buffer.from(user).toString('base64')}\r\n`;
  socket.write(`CONNECT ${target} HTTP/1.1\r\nhost: ${target}\r\n${credentials}\r\n`);
  const head = await readHead(socket, { proxy, signal: options.signal });
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(head)?.[1];
  if (status?.startsWith('2')) return socket;
  socket.destroy();
  const why =
    status === '407' ? 'it wants other credentials (HTTP 407)' : `it answered HTTP ${status ?? '?'}`;
  throw new TransportError('tcp', `cannot reach ${formatPeer(peer)} through ${formatPeer(proxy)}: ${why}`);
}

/** A list of authorities takes the place of the usual ones, so these are in it, too. */
function trustOf({ ca }: Pick<ProxyOptions, 'ca'>): ConnectionOptions {
  if (ca === undefined) return {};
  return { ca: [...rootCertificates, typeof ca === 'string' ? ca : ca()] };
}

function parseProxyUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'http:' || url?.protocol === 'https:') return url;
  throw new TransportError(
    'config',
    `the proxy URL must begin with http:// or https://: ${JSON.stringify(text)}`,
  );
}

/** The answer's head; what follows it stays in the socket for TLS. */
function readHead(socket: Socket, { proxy, signal }: { proxy: Peer; signal: AbortSignal }): Promise<string> {
  return new Promise((resolve, reject) => {
    let head = Buffer.alloc(0);
    let unlisten = (): void => undefined;
    const done = (): void => {
      socket.off('readable', onReadable);
      socket.off('error', onError);
      socket.off('close', onClose);
      unlisten();
    };
    const fail = (reason: unknown): void => {
      done();
      socket.destroy();
      reject(reason);
    };
    const onError = (error: unknown): void => fail(toTransportError(error, proxy, 'dial'));
    const onClose = (): void =>
      fail(new TransportError('closed', `${formatPeer(proxy)} closed the connection without an answer`));
    const onReadable = (): void => {
      for (
        let chunk = socket.read() as Buffer | null;
        chunk !== null;
        chunk = socket.read() as Buffer | null
      ) {
        head = Buffer.concat([head, chunk]);
        const end = head.indexOf('\r\n\r\n');
        if (end >= 0) {
          done();
          if (head.length > end + 4) socket.unshift(head.subarray(end + 4));
          resolve(head.subarray(0, end).toString('latin1'));
          return;
        }
        if (head.length > maxHeadBytes) {
          fail(new TransportError('tcp', `${formatPeer(proxy)} sent an answer that is no HTTP`));
          return;
        }
      }
    };
    socket.on('readable', onReadable);
    socket.once('error', onError);
    socket.once('close', onClose);
    unlisten = onAbort(signal, () => fail(signal.reason));
  });
}
