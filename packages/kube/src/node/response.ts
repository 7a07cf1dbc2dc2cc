/**
 * The answer of the HTTPS transport as the Transport contract wants it: gzip undone, size bounded, cut bodies and
 * aborts thrown, and the exchange's limits lifted when the body has been read. Called by `https-transport.ts`.
 */
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { TransportError, type TransportResponse } from '../client/transport.js';
import type { WireResponse } from './connection.js';
import type { ExchangeLimits } from './exchange-limits.js';
import { formatPeer, type Peer, toTransportError } from './transport-errors.js';

export interface ResponseOptions {
  readonly peer: Peer;
  readonly limits: ExchangeLimits;
  readonly maxBytes: number;
}

export function toTransportResponse(wire: WireResponse, options: ResponseOptions): TransportResponse {
  wire.body.once('close', () => options.limits.lift());
  return {
    status: wire.status,
    headers: wire.headers,
    bytes: () => readAll(wire, options),
    chunks: () => readChunks(wire, options),
  };
}

/** Without the iterators of `readChunks`, which cost a small answer more than all else. */
function readAll(wire: WireResponse, options: ResponseOptions): Promise<Uint8Array> {
  const { limits, peer, maxBytes } = options;
  return new Promise((resolve, reject) => {
    const body = decoded(wire);
    const chunks: Buffer[] = [];
    let size = 0;
    let isSettled = false;
    const fail = (error: unknown): void => {
      if (isSettled) return;
      isSettled = true;
      // Not after the end: destroying a finished HTTP/2 stream resets it, and servers cut clients that reset many.
      if (!wire.body.readableEnded) wire.body.destroy();
      limits.lift();
      reject(limits.signal.aborted ? limits.signal.reason : toTransportError(error, peer, 'http'));
    };
    const cutOff = (): void => fail(newCutOff(peer));
    if (body.destroyed) {
      if (body.errored) fail(body.errored);
      else cutOff();
      return;
    }
    body.on('data', (chunk: Buffer) => {
      size += chunk.length;
      chunks.push(chunk);
      if (size <= maxBytes) return;
      chunks.length = 0;
      const message = `the answer of ${formatPeer(peer)} is larger than ${maxBytes} bytes`;
      fail(new TransportError('closed', message));
    });
    body.once('end', () => {
      if (isSettled) return;
      if (limits.signal.aborted || !wire.isComplete()) {
        cutOff();
        return;
      }
      isSettled = true;
      limits.lift();
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, size));
    });
    body.on('error', fail);
    // It closes after each good answer too, for which no error need be made.
    body.once('close', () => {
      if (!isSettled) cutOff();
    });
  });
}

function newCutOff(peer: Peer): TransportError {
  return new TransportError('closed', `lost ${formatPeer(peer)}: the answer was cut off`);
}

async function* readChunks(wire: WireResponse, options: ResponseOptions): AsyncGenerator<Uint8Array> {
  const { limits, peer } = options;
  try {
    for await (const chunk of decoded(wire)) yield chunk as Uint8Array; // no encoding is set, so chunks are Buffers
  } catch (error) {
    throw limits.signal.aborted ? limits.signal.reason : toTransportError(error, peer, 'http');
  } finally {
    // Not after the end: destroying a finished HTTP/2 stream resets it, and servers cut clients that reset many.
    if (!wire.body.readableEnded) wire.body.destroy();
    limits.lift();
  }
  if (limits.signal.aborted) throw limits.signal.reason;
  if (!wire.isComplete()) throw newCutOff(peer);
}

function decoded(wire: WireResponse): Readable {
  if (wire.headers['content-encoding'] !== 'gzip') return wire.body;
  return pipeline(wire.body, createGunzip(), () => undefined); // the reader sees the failure
}
