/**
 * Text files that are rotated under us (tokens, client certificates): read again after a while, and the old content
 * kept when the new one cannot be read just then. Called by `kubeconfig-transport.ts`.
 */
import type { Clock, Files } from '../env/env.js';
import { KubeconfigError } from '../kubeconfig/kubeconfig.js';

export interface FileCacheOptions {
  readonly files: Files;
  readonly clock: Clock;
  /** Age after which a file is read again. */
  readonly maxAgeMs: number;
  /** What error messages begin with. */
  readonly label: string;
}

interface Cached {
  readonly texts: readonly string[];
  readonly readMs: number;
}

/** Reads files that belong together; rejects with KubeconfigError when one cannot be read and none was before. */
export function createFileCache(
  paths: readonly string[],
  options: FileCacheOptions,
): () => Promise<readonly string[]> {
  const { clock, maxAgeMs } = options;
  let cached: Cached | undefined;
  let running: Promise<Cached> | undefined;
  const read = async (): Promise<Cached> => {
    try {
      // One after the other, so that of several missing files the first is the one named.
      const texts: string[] = [];
      for (const path of paths) texts.push(await readText(path, options));
      cached = { texts, readMs: clock.monotonicMs() };
    } catch (error) {
      if (cached === undefined) throw error;
      cached = { texts: cached.texts, readMs: clock.monotonicMs() };
    }
    return cached;
  };
  return async () => {
    if (cached !== undefined && clock.monotonicMs() - cached.readMs < maxAgeMs) return cached.texts;
    running ??= read().finally(() => {
      running = undefined;
    });
    return (await running).texts;
  };
}

/** The file's text; rejects with KubeconfigError when it is missing or unreadable. */
export async function readText(
  path: string,
  { files, label }: Pick<FileCacheOptions, 'files' | 'label'>,
): Promise<string> {
  let data: Uint8Array | undefined;
  try {
    data = await files.read(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new KubeconfigError(`${label}: ${why}`, { cause });
  }
  if (data === undefined) throw new KubeconfigError(`${label}: the file ${path} does not exist`);
  return Buffer.from(data).toString('utf8');
}
