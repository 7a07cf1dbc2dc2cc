/**
 * The files of a simulated container: those of its volumes, asked for at each use as a kubelet keeps them current, and
 * those that its commands wrote, which are bounded in number and size and go with the container.
 */

/** Files by absolute path. */
export type Mounts = () => ReadonlyMap<string, Uint8Array>;

const maxFiles = 256;
const maxTotalBytes = 4 * 1024 * 1024;

/** What a command is told, in the words of the C library. */
export class FileError extends Error {
  override readonly name = 'FileError';
}

export class FileSystem {
  readonly #mounts: Mounts;
  readonly #written = new Map<string, Buffer>();
  #writtenBytes = 0;

  constructor(mounts: Mounts) {
    this.#mounts = mounts;
  }

  /** @throws FileError. */
  read(path: string): Uint8Array {
    const found = this.#written.get(path) ?? this.#mounts().get(path);
    if (found !== undefined) return found;
    throw new FileError(this.list(path) === undefined ? 'No such file or directory' : 'Is a directory');
  }

  has(path: string): boolean {
    return this.#written.has(path) || this.#mounts().has(path);
  }

  /** @throws FileError when it is mounted, a folder, or too much. */
  write(path: string, bytes: Uint8Array, { append }: { append: boolean }): void {
    if (this.#mounts().has(path)) throw new FileError('Read-only file system');
    if (this.list(path) !== undefined) throw new FileError('Is a directory');
    const old = this.#written.get(path);
    const content = append && old !== undefined ? Buffer.concat([old, bytes]) : Buffer.from(bytes);
    const total = this.#writtenBytes - (old?.length ?? 0) + content.length;
    if (total > maxTotalBytes || (old === undefined && this.#written.size >= maxFiles))
      throw new FileError('No space left on device');
    this.#written.set(path, content);
    this.#writtenBytes = total;
  }

  /** @throws FileError. */
  remove(path: string): void {
    const old = this.#written.get(path);
    if (old === undefined) {
      throw new FileError(this.#mounts().has(path) ? 'Read-only file system' : 'No such file or directory');
    }
    this.#written.delete(path);
    this.#writtenBytes -= old.length;
  }

  /** Names in a folder, sorted; undefined when it is none. The root and the usual folders are always there. */
  list(path: string): readonly string[] | undefined {
    const prefix = path === '/' ? '/' : `${path}/`;
    const names = new Set<string>(path === '/' ? usualFolders : []);
    for (const file of [...this.#mounts().keys(), ...this.#written.keys()]) {
      if (file.startsWith(prefix)) names.add(file.slice(prefix.length).split('/', 1)[0] ?? '');
    }
    if (names.size === 0 && !usualFolders.includes(path.slice(1))) return undefined;
    return [...names].sort();
  }
}

const usualFolders: readonly string[] = ['etc', 'proc', 'tmp', 'var'];

/** An absolute path without `.` and `..`. */
export function resolvePath(folder: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${folder}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
