/**
 * The bytes of a backup, before compression: a JSON object a line, so that it can be read without this software. First
 * the header, then the server's key files, then all objects in the order of their last writes, then the end with counts
 * and a SHA-256 of all lines before it: what is cut off or changed is refused, never restored in part. Pure.
 */
import { createHash } from 'node:crypto';
import type { Revision, StoredValue } from '../storage/store.js';

/** A backup that cannot be used; the message goes on from "the backup FILE ". */
export class BackupError extends Error {
  override readonly name = 'BackupError';
}

export interface BackupHeader {
  /** All objects are as they were at this revision. */
  readonly revision: Revision;
  /** By the server's clock. */
  readonly createdAtMs: number;
}

export interface BackupFile {
  /** `pki/<name>`. */
  readonly path: string;
  readonly data: Uint8Array;
}

export type BackupRecord =
  | { readonly type: 'header'; readonly header: BackupHeader }
  | { readonly type: 'file'; readonly file: BackupFile }
  | { readonly type: 'object'; readonly object: StoredValue }
  | { readonly type: 'end'; readonly objects: number; readonly files: number };

const formatName = 'flotilla-backup';
const formatVersion = 1;
/** Several times the largest object that the server takes, escaped. */
const maxLineBytes = 64 * 1024 * 1024;
const newline = 0x0a;

/** Makes the lines. */
export class BackupEncoder {
  readonly #hash = createHash('sha256');
  #objects = 0;
  #files = 0;

  header({ revision, createdAtMs }: BackupHeader): Buffer {
    const createdAt = new Date(createdAtMs).toISOString();
    return this.#line({
      backup: { format: formatName, version: formatVersion, revision: `${revision}`, createdAt },
    });
  }

  file({ path, data }: BackupFile): Buffer {
    this.#files++;
    return this.#line({ file: { path, data: Buffer.from(data).toString('base64') } });
  }

  object({ key, value, modRevision, createRevision }: StoredValue): Buffer {
    this.#objects++;
    const bytes = Buffer.from(value.buffer, value.byteOffset, value.byteLength);
    const text = bytes.toString('utf8');
    // Everything that the API server stores is text; a store takes any bytes.
    const content = Buffer.from(text).equals(bytes) ? { value: text } : { base64: bytes.toString('base64') };
    return this.#line({
      object: { key, modRevision: `${modRevision}`, createRevision: `${createRevision}`, ...content },
    });
  }

  end(): Buffer {
    const sha256 = this.#hash.copy().digest('hex');
    return this.#line({ end: { objects: this.#objects, files: this.#files, sha256 } });
  }

  #line(value: object): Buffer {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    this.#hash.update(line);
    return line;
  }
}

/** The records of a backup, each once it is there; only after the last one is it known that all of them are right. */
export async function* decodeBackup(
  chunks: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<BackupRecord> {
  const decoder = new LineDecoder();
  let rest: Uint8Array[] = [];
  let restBytes = 0;
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(newline); end >= 0; end = chunk.indexOf(newline, start)) {
      yield decoder.take(Buffer.concat([...rest, chunk.subarray(start, end + 1)]));
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start === chunk.length) continue;
    rest.push(chunk.subarray(start));
    restBytes += chunk.length - start;
    if (restBytes > maxLineBytes || (!decoder.isBegun && restBytes > 1024)) throw notABackup();
  }
  if (!decoder.isBegun) throw notABackup();
  if (!decoder.isEnded || restBytes > 0) throw new BackupError('is cut off');
}

class LineDecoder {
  readonly #hash = createHash('sha256');
  #objects = 0;
  #files = 0;
  #last = 0n;
  isBegun = false;
  isEnded = false;

  take(line: Buffer): BackupRecord {
    if (this.isEnded) throw new BackupError('has been changed: it goes on after its end');
    const parsed = parseLine(line);
    if (!this.isBegun) {
      const header = readHeader(parsed['backup']);
      this.isBegun = true;
      this.#hash.update(line);
      return { type: 'header', header };
    }
    const record = this.#read(parsed);
    this.#hash.update(line);
    return record;
  }

  #read(parsed: Fields): BackupRecord {
    if (isFields(parsed['file'])) {
      this.#files++;
      const { path, data } = parsed['file'];
      if (typeof path !== 'string' || !/^pki\/\w[\w.-]*$/.test(path)) throw changed();
      return { type: 'file', file: { path, data: Buffer.from(text(data), 'base64') } };
    }
    if (isFields(parsed['object'])) {
      this.#objects++;
      const { key, value, base64, modRevision, createRevision } = parsed['object'];
      const revision = readRevision(modRevision);
      if (revision <= this.#last) throw changed();
      this.#last = revision;
      const bytes = value === undefined ? Buffer.from(text(base64), 'base64') : Buffer.from(text(value));
      const created = readRevision(createRevision);
      return {
        type: 'object',
        object: { key: text(key), value: bytes, modRevision: revision, createRevision: created },
      };
    }
    const end = parsed['end'];
    if (!isFields(end) || end['sha256'] !== this.#hash.copy().digest('hex')) throw changed();
    if (end['objects'] !== this.#objects || end['files'] !== this.#files) throw changed();
    this.isEnded = true;
    return { type: 'end', objects: this.#objects, files: this.#files };
  }
}

type Fields = Readonly<Record<string, unknown>>;

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function parseLine(line: Buffer): Fields {
  try {
    const value: unknown = JSON.parse(line.toString('utf8'));
    return isFields(value) ? value : {};
  } catch {
    return {}; // which is no known record, and told as such
  }
}

function readHeader(value: unknown): BackupHeader {
  if (!isFields(value) || value['format'] !== formatName) throw notABackup();
  const { version, revision, createdAt } = value;
  if (version !== formatVersion) {
    throw new BackupError(
      `was made by a newer version (backup format ${String(version)}, this version reads ${formatVersion})`,
    );
  }
  const createdAtMs = Date.parse(text(createdAt));
  if (Number.isNaN(createdAtMs)) throw changed();
  return { revision: readRevision(revision), createdAtMs };
}

function text(value: unknown): string {
  if (typeof value !== 'string') throw changed();
  return value;
}

function readRevision(value: unknown): Revision {
  if (typeof value !== 'string' || !/^\d{1,19}$/.test(value)) throw changed();
  return BigInt(value) as Revision;
}

function changed(): BackupError {
  return new BackupError('has been changed: its checksum does not match');
}

function notABackup(): BackupError {
  return new BackupError('is not a backup of this software');
}
