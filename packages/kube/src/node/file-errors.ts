/**
 * What the file system reports, as one clear sentence with the path; the system's own code stays on the error for
 * programs. Pure. Called by the file tree and the directory lock.
 */

const known: Readonly<Record<string, string>> = {
  ENOSPC: 'the disk is full',
  EDQUOT: 'the disk quota is used up',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  ENOTDIR: 'a part of the path is no directory',
  EEXIST: 'there is a file of that name',
  EISDIR: 'it is a directory',
  ENOENT: 'there is no such file or directory',
  ENAMETOOLONG: 'the path is too long',
  EMFILE: 'this process has too many open files',
  EIO: 'the disk reports an error',
};

/** A failure of the file system. */
export class FileError extends Error {
  override readonly name = 'FileError';
  /** `ENOSPC` and so on; empty when the system gave none. */
  readonly code: string;

  constructor(message: string, options: { code: string; cause: unknown }) {
    super(message, { cause: options.cause });
    this.code = options.code;
  }
}

/** A FileError comes back as it is. */
export function toFileError(cause: unknown, action: string, path: string): FileError {
  if (cause instanceof FileError) return cause;
  const code = cause instanceof Error && 'code' in cause ? String(cause.code) : '';
  const why = known[code] ?? (cause instanceof Error ? cause.message : String(cause));
  return new FileError(`cannot ${action} ${path}: ${why}`, { code, cause });
}
