/**
 * A client's Transport that calls an ApiHandler in the same process, as a given user or with what credentials the
 * request's headers carry: how the server's own controllers, an embedding program and a simulation reach it.
 * Streams keep at most `maxBufferedBytes` that the reader has not taken; then the sink reports back-pressure.
 */
import {
  type Transport,
  TransportError,
  type TransportRequest,
  type TransportResponse,
} from '@flotilla/kube';
import type { UserInfo } from '../authentication/user.js';
import type { ApiHandler, ApiResponse, ResponseSink } from './handler.js';

export interface InProcessTransportOptions {
  /** Who calls; absent: the server authenticates the headers and certificates. */
  readonly user?: UserInfo;
  readonly clientCertificates?: readonly Uint8Array[];
  readonly maxBufferedBytes?: number;
}

const defaultMaxBufferedBytes = 1024 * 1024;

export function createInProcessTransport(
  handler: ApiHandler,
  options: InProcessTransportOptions = {},
): Transport {
  const open = new Set<AbortController>();
  return {
    request: async (request) => {
      const abort = new AbortController();
      open.add(abort);
      const onAbort = (): void => abort.abort(request.signal?.reason);
      if (request.signal?.aborted) onAbort();
      request.signal?.addEventListener('abort', onAbort, { once: true });
      const done = (): void => {
        open.delete(abort);
        request.signal?.removeEventListener('abort', onAbort);
      };
      try {
        const answer = await handler.handle(toApiRequest(request, options, abort.signal));
        return toTransportResponse(answer, {
          abort,
          done,
          maxBufferedBytes: options.maxBufferedBytes ?? defaultMaxBufferedBytes,
        });
      } catch (error) {
        done();
        throw error;
      }
    },
    close: async () => {
      for (const abort of open) abort.abort(new TransportError('closed', 'the transport was closed'));
      open.clear();
    },
  };
}

function toApiRequest(request: TransportRequest, options: InProcessTransportOptions, signal: AbortSignal) {
  const question = request.path.indexOf('?');
  const body = request.body ?? '';
  return {
    method: request.method,
    path: question < 0 ? request.path : request.path.slice(0, question),
    query: new URLSearchParams(question < 0 ? '' : request.path.slice(question + 1)),
    headers: request.headers ?? {},
    body: typeof body === 'string' ? Buffer.from(body) : body,
    signal,
    remoteAddress: '127.0.0.1',
    clientCertificates: options.clientCertificates ?? [],
    ...(options.user && { user: options.user }),
  };
}

interface ResponseContext {
  readonly abort: AbortController;
  readonly done: () => void;
  readonly maxBufferedBytes: number;
}

function toTransportResponse(answer: ApiResponse, context: ResponseContext): TransportResponse {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(answer.headers)) {
    headers[name] = typeof value === 'string' ? value : value.join(', ');
  }
  const { body } = answer;
  if (typeof body !== 'function') {
    context.done();
    return {
      status: answer.status,
      headers,
      bytes: async () => body,
      chunks: async function* () {
        yield body;
      },
    };
  }
  const pipe = createPipe(context);
  body(pipe.sink);
  return {
    status: answer.status,
    headers,
    bytes: async () => {
      const chunks: Uint8Array[] = [];
      for await (const chunk of pipe.chunks()) chunks.push(chunk);
      return Buffer.concat(chunks);
    },
    chunks: pipe.chunks,
  };
}

function createPipe({ abort, done, maxBufferedBytes }: ResponseContext): {
  sink: ResponseSink;
  chunks: () => AsyncGenerator<Uint8Array>;
} {
  const queue: Uint8Array[] = [];
  let bufferedBytes = 0;
  let ended = false;
  let wake: (() => void) | undefined;
  const drains: (() => void)[] = [];
  const closes: (() => void)[] = [];
  const close = (): void => {
    if (ended) return;
    ended = true;
    done();
    for (const fn of closes) fn();
    wake?.();
  };
  abort.signal.addEventListener('abort', close, { once: true });
  if (abort.signal.aborted) close();
  return {
    sink: {
      write(chunk) {
        if (ended) return false;
        queue.push(chunk);
        bufferedBytes += chunk.length;
        wake?.();
        return bufferedBytes < maxBufferedBytes;
      },
      onDrain: (fn) => void drains.push(fn),
      onClose: (fn) => {
        if (ended) fn();
        else closes.push(fn);
      },
      end: close,
    },
    chunks: async function* () {
      try {
        for (;;) {
          const chunk = queue.shift();
          if (chunk !== undefined) {
            const wasFull = bufferedBytes >= maxBufferedBytes;
            bufferedBytes -= chunk.length;
            if (wasFull && bufferedBytes < maxBufferedBytes) for (const fn of drains) fn();
            yield chunk;
          } else if (abort.signal.aborted) {
            throw abort.signal.reason;
          } else if (ended) {
            return;
          } else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
            wake = undefined;
          }
        }
      } finally {
        abort.abort(new TransportError('closed', 'the reader stopped'));
        close();
      }
    },
  };
}
