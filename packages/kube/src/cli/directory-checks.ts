/** Checks of a data directory: who may read it, whether it can be written, how much room is left. */
import { access, constants, readdir, stat, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Finding, failure, ok, warning } from './checklist.js';

const mib = 1024 * 1024;
/** Below this nothing can be kept safely any more. */
const leastFreeBytes = 16 * mib;
const fewFreeBytes = 512 * mib;

/** `secrets`: files in it, relative, that only their owner may read; those that are not there do not count. */
export async function checkDirectory(
  directory: string,
  options: { readonly secrets: (name: string) => boolean },
): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  const { mode } = await stat(directory);
  if ((mode & 0o022) !== 0)
    findings.push(
      failure(`others may write to ${directory} (mode ${octal(mode)})`, `chmod go-w ${directory}`),
    );
  try {
    await access(directory, constants.W_OK | constants.R_OK | constants.X_OK);
  } catch {
    findings.push(failure(`this user may not write to ${directory}`, `chown -R "$USER" ${directory}`));
  }
  findings.push(...(await openSecrets(directory, options.secrets)));
  const { bavail, bsize, blocks, files, ffree } = await statfs(directory);
  findings.push(
    ...judgeSpace(
      { freeBytes: bavail * bsize, totalBytes: blocks * bsize, files, freeFiles: ffree },
      directory,
    ),
  );
  return findings.length > 0 ? findings : [ok(`${directory} is private, writable and has room`)];
}

function octal(mode: number): string {
  return (mode & 0o777).toString(8).padStart(4, '0');
}

async function openSecrets(directory: string, isSecret: (name: string) => boolean): Promise<Finding[]> {
  const names = (await readdir(directory, { recursive: true })).filter(isSecret);
  const findings: Finding[] = [];
  for (const name of names) {
    const path = join(directory, name);
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0)
      findings.push(failure(`others may read the key in ${path} (mode ${octal(mode)})`, `chmod 600 ${path}`));
  }
  return findings;
}

/** Exported for its test: a full disk is hard to come by. */
export function judgeSpace(
  space: { freeBytes: number; totalBytes: number; files: number; freeFiles: number },
  directory: string,
): Finding[] {
  const { freeBytes, files, freeFiles } = space;
  const fix = `make room on the disk of ${directory}`;
  const mebibytes = `${Math.floor(freeBytes / mib)} MiB free`;
  if (freeBytes < leastFreeBytes) return [failure(`the disk of ${directory} is full: ${mebibytes}`, fix)];
  // Some file systems do not count files.
  if (files > 0 && freeFiles < 100) return [failure(`the disk of ${directory} takes no more files`, fix)];
  if (freeBytes < fewFreeBytes)
    return [warning(`the disk of ${directory} is nearly full: ${mebibytes}`, fix)];
  return [];
}
