/**
 * `mkdir -p` with the true reason when it fails: Node's own recursive form calls a read-only disk "not found", and
 * never returns below `/proc`. Called by whoever makes data directories.
 */
import { mkdir, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';

/** The folders that were made, outermost first. Rejects with the file system's error. */
export async function makeDirectory(path: string, mode = 0o700): Promise<readonly string[]> {
  const folder = resolve(path);
  if (await isDirectory(folder)) return [];
  const parent = dirname(folder);
  const made = parent === folder ? [] : await makeDirectory(parent, mode);
  try {
    await mkdir(folder, { mode });
    return [...made, folder];
  } catch (error) {
    // Somebody else may have made it meanwhile.
    if (hasCode(error, 'EEXIST') && (await isDirectory(folder))) return made;
    throw error;
  }
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return false;
    throw error;
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
