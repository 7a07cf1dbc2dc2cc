/**
 * Cuts the body of a watch into events: one JSON object a line, over any chunking, with a bound on a line's size.
 * An ERROR event and a stream that breaks inside a line are thrown. Called by the client.
 */
import { isObject, newInternalError, StatusError, type WatchEvent } from '@flotilla/api';
import { toStatus } from './status-response.js';
import { TransportError } from './transport.js';

const newline = 0x0a;

export interface WatchStreamOptions {
  readonly maxLineBytes: number;
}

/** Yields all but ERROR events, which throw StatusError. Events of unknown types are passed over. */
export async function* readWatchStream<T>(
  chunks: AsyncIterable<Uint8Array>,
  { maxLineBytes }: WatchStreamOptions,
): AsyncGenerator<WatchEvent<T>> {
  let parts: Uint8Array[] = [];
  let partBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      const tail = chunk.subarray(start, end);
      start = end + 1;
      if (partBytes + tail.length > maxLineBytes) throw tooLong(maxLineBytes);
      const line = partBytes === 0 ? tail : Buffer.concat([...parts, tail]);
      parts = [];
      partBytes = 0;
      const event = parseEvent<T>(line);
      if (event !== undefined) yield event;
    }
    if (start < chunk.length) {
      parts.push(start === 0 ? chunk : chunk.subarray(start));
      partBytes += chunk.length - start;
      if (partBytes > maxLineBytes) throw tooLong(maxLineBytes);
    }
  }
  if (partBytes > 0) throw new TransportError('closed', 'the watch stream ended in the middle of an event');
}

function tooLong(maxLineBytes: number): Error {
  return newInternalError(`a watch event is larger than ${maxLineBytes} bytes`);
}

function parseEvent<T>(line: Uint8Array): WatchEvent<T> | undefined {
  const text = Buffer.from(line.buffer, line.byteOffset, line.byteLength).toString('utf8');
  if (text.trim() === '') return undefined;
  const value = parseLine(text);
  if (!isObject(value) || !isObject(value['object'])) throw newInternalError('a watch event has no object');
  const { type, object } = value;
  switch (type) {
    case 'ADDED':
    case 'MODIFIED':
    case 'DELETED':
    case 'BOOKMARK':
      return { type, object: object as T }; // the server's object, of the kind that was asked for
    case 'ERROR':
      throw new StatusError(toStatus(object, 500) ?? newInternalError('the watch failed').status);
    default:
      return undefined;
  }
}

function parseLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw newInternalError('a watch event is not JSON', { cause });
  }
}
