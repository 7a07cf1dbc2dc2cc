/**
 * `POST /flotilla.dev/backup`: the server's backup as one compressed stream. It holds every Secret and the keys of the
 * server, so RBAC guards it as a non-resource path with the verb `post`, which only system:masters and who may
 * everything have. A stream that ends without its last line is refused by whoever reads it.
 */
import { join } from 'node:path';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGzip } from 'node:zlib';
import { newStatusError } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { BackupFile } from '../backup/backup-format.js';
import { encodeBackup } from '../backup/write-backup.js';
import type { ApiRequest, ApiResponse, ResponseSink } from '../server/handler.js';
import type { Store } from '../storage/store.js';

/** Where a running server gives its backup. */
export const backupPath = '/flotilla.dev/backup';

export interface BackupSourceOptions {
  readonly env: Env;
  readonly store: Store;
  /** The server's keys and certificates; every file in it is part of the backup. */
  readonly pkiDirectory: string;
}

/** Compressed; level 1 takes a third of the time of the default for a tenth more bytes. */
export function openBackupStream({ env, store, pkiDirectory }: BackupSourceOptions): Readable {
  const lines = async function* () {
    const files = await readFiles(env, pkiDirectory);
    yield* encodeBackup({ store, files, nowMs: env.clock.now(), pause: () => nextTurn() });
  };
  const source = Readable.from(lines(), { objectMode: false });
  const gzip = createGzip({ level: 1 });
  source.once('error', (error) => gzip.destroy(error));
  gzip.once('close', () => source.destroy());
  return source.pipe(gzip);
}

export function createBackupHandler(
  options: BackupSourceOptions,
): (request: ApiRequest) => ApiResponse | undefined {
  return (request) => {
    if (request.path !== backupPath) return undefined;
    if (request.method !== 'POST') {
      throw newStatusError(405, 'MethodNotAllowed', { message: `${request.method} is not supported` });
    }
    return {
      status: 200,
      headers: { 'content-type': 'application/gzip', 'cache-control': 'no-store' },
      body: (sink) => void send(options, sink),
    };
  };
}

async function send(options: BackupSourceOptions, sink: ResponseSink): Promise<void> {
  const { log } = options.env;
  const stopped = new AbortController();
  sink.onClose(() => stopped.abort(new Error('the client has gone')));
  const target = new SinkStream(sink);
  try {
    await pipeline(openBackupStream(options), target, { signal: stopped.signal });
    log.info('backup sent', { bytes: target.bytes });
  } catch (error) {
    log.warn('backup not sent', { error: String(error) });
  } finally {
    sink.end();
  }
}

class SinkStream extends Writable {
  readonly #sink: ResponseSink;
  #waiting: (() => void) | undefined;
  bytes = 0;

  constructor(sink: ResponseSink) {
    super();
    this.#sink = sink;
    sink.onDrain(() => {
      const go = this.#waiting;
      this.#waiting = undefined;
      go?.();
    });
  }

  override _write(chunk: Uint8Array, _encoding: BufferEncoding, done: () => void): void {
    this.bytes += chunk.length;
    if (this.#sink.write(chunk)) done();
    else this.#waiting = done;
  }
}

async function readFiles({ files }: Env, directory: string): Promise<BackupFile[]> {
  const found: BackupFile[] = [];
  for (const name of await files.list(directory)) {
    const data = await files.read(join(directory, name));
    if (data !== undefined) found.push({ path: `pki/${name}`, data });
  }
  return found;
}
