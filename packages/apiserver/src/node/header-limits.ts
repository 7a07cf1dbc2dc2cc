/**
 * Heads that are too large: over HTTP/2 they are answered here with a Status, over HTTP/1.1 Node's parser stops at the
 * bound, and the connection gets a bare answer. Called by the HTTP front.
 */
import type { Server as HttpServer } from 'node:http';
import type { Http2SecureServer } from 'node:http2';
import type { Duplex } from 'node:stream';
import { newStatusError } from '@flotilla/api';
import type { Exchange } from './http-exchange.js';
import type { HttpFrontLimits } from './http-limits.js';

type HeaderLimits = Pick<HttpFrontLimits, 'maxHeaderBytes' | 'maxHeaders'>;

/** What nghttp2 lets through, so that most of what is too much still gets an answer instead of a reset stream. */
export function http2HeaderSettings({ maxHeaderBytes, maxHeaders }: HeaderLimits) {
  return { maxHeaderListSize: 8 * maxHeaderBytes, maxHeaderListPairs: 4 * maxHeaders };
}

/** @throws StatusError 431. */
export function checkHeaders({ rawHeaders }: Pick<Exchange, 'rawHeaders'>, limits: HeaderLimits): void {
  const { maxHeaderBytes, maxHeaders } = limits;
  if (rawHeaders.length > 2 * maxHeaders) throw tooLarge(`there are more than ${maxHeaders}`);
  let size = 0;
  for (const text of rawHeaders) size += text.length;
  if (size > maxHeaderBytes) throw tooLarge(`they are longer than ${maxHeaderBytes} bytes`);
}

function tooLarge(why: string): Error {
  const message = `the headers of the request are too large: ${why}`;
  return newStatusError(431, 'BadRequest', { message });
}

/** Bounds the parser of HTTP/1.1, and answers what it refuses. */
export function limitHttp1Heads(
  server: Http2SecureServer,
  { maxHeaderBytes, maxHeaders }: HeaderLimits,
): void {
  // An HTTP/2 server hands its HTTP/1.1 connections to the same code as an HTTP server, which looks for these two.
  const http1 = server as unknown as HttpServer & { maxHeaderSize: number };
  http1.maxHeaderSize = maxHeaderBytes;
  http1.maxHeadersCount = 4 * maxHeaders;
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Duplex) => {
    if (!socket.writable || error.code === 'ECONNRESET') {
      socket.destroy();
      return;
    }
    const status =
      error.code === 'HPE_HEADER_OVERFLOW' ? '431 Request Header Fields Too Large' : '400 Bad Request';
    socket.end(
      `HTTP/1.1 ${status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n${status}`,
    );
  });
}
