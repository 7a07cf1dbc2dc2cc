/** WebSockets as channels: one message for each write. Loaded on demand, as `ws` is only needed by who streams. */
import type { Channel, ChannelListener, Logger } from '@flotilla/kube';
import { type RawData, type WebSocket, WebSocketServer } from 'ws';
import type { ApiResponse, ConnectionUpgrade } from '../server/handler.js';
import type { UpgradingConnection } from './upgrading-connection.js';

export interface AcceptOptions {
  readonly protocol: string | undefined;
  readonly isText: boolean;
  /** Further headers of the answer. */
  readonly headers: ApiResponse['headers'];
  readonly run: ConnectionUpgrade['run'];
  readonly log: Logger;
}

/** One message; clients send far less. */
const maxMessageBytes = 4 * 1024 * 1024;
/** Unsent bytes above which writers are told to wait. */
const highWaterBytes = 256 * 1024;

export function acceptWebSocket(
  { request, socket, head }: UpgradingConnection,
  options: AcceptOptions,
): void {
  const server = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    maxPayload: maxMessageBytes,
    perMessageDeflate: false,
    handleProtocols: () => options.protocol ?? false,
  });
  server.on('headers', (lines: string[]) => {
    const auditId = options.headers['audit-id'];
    if (typeof auditId === 'string') lines.push(`audit-id: ${auditId}`);
  });
  server.on('wsClientError', (error: Error) => {
    options.log.debug('websocket handshake failed', { error: error.message });
    socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n');
  });
  server.handleUpgrade(request, socket, head, (webSocket) =>
    options.run(new WebSocketChannel(webSocket, options.isText)),
  );
}

class WebSocketChannel implements Channel {
  readonly #socket: WebSocket;
  readonly #isText: boolean;
  #failure: Error | undefined;
  #isWaiting = false;
  #listener: ChannelListener | undefined;

  constructor(socket: WebSocket, isText: boolean) {
    this.#socket = socket;
    this.#isText = isText;
    socket.on('error', (error: Error) => {
      this.#failure ??= error;
    });
    socket.pause();
    socket.on('message', (data: RawData) => this.#listener?.onData(bytesOf(data)));
    socket.once('close', () => {
      // 1005: closed without saying why, as clients that are done do.
      this.#listener?.onClose?.(this.#failure);
    });
  }

  write(chunk: Uint8Array): boolean {
    if (this.#socket.readyState !== this.#socket.OPEN) return true;
    this.#socket.send(chunk, { binary: !this.#isText }, () => this.#sent());
    this.#isWaiting = this.#socket.bufferedAmount > highWaterBytes;
    return !this.#isWaiting;
  }

  end(): void {
    this.#socket.resume(); // the peer's own close must be read
    this.#socket.close(1000);
  }

  destroy(reason?: Error): void {
    this.#failure ??= reason;
    this.#socket.terminate();
  }

  pause(): void {
    if (this.#socket.readyState === this.#socket.OPEN) this.#socket.pause();
  }

  resume(): void {
    this.#socket.resume();
  }

  listen(listener: ChannelListener): void {
    this.#listener = listener;
    if (this.#socket.readyState === this.#socket.CLOSED)
      queueMicrotask(() => listener.onClose?.(this.#failure));
    else this.#socket.resume();
  }

  #sent(): void {
    if (!this.#isWaiting || this.#socket.bufferedAmount > highWaterBytes / 2) return;
    this.#isWaiting = false;
    this.#listener?.onDrain?.();
  }
}

function bytesOf(data: RawData): Uint8Array {
  if (Array.isArray(data)) return Buffer.concat(data);
  return data instanceof ArrayBuffer ? new Uint8Array(data) : data;
}
