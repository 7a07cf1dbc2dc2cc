/**
 * `apiserver envtest-assets`: a folder that test environments take for Kubernetes' own binaries (KUBEBUILDER_ASSETS).
 * Its programs are launchers of this very installation, by absolute path, as a test may start them with any
 * environment and from any directory. Called by the command only.
 */
import {
  access,
  chmod,
  constants,
  lstat,
  mkdir,
  readFile,
  rename,
  rm,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';

export interface EnvtestAssetsOptions {
  readonly directory: string;
  /** The Node and the script that the launchers start. */
  readonly node: string;
  readonly script: string;
  /** Flags that the kube-apiserver is always started with. */
  readonly flags: readonly string[];
  /** `$PATH`, where kubectl is looked for. */
  readonly path: string | undefined;
}

export interface EnvtestAssets {
  readonly directory: string;
  /** undefined: there is none on the PATH. */
  readonly kubectl: string | undefined;
}

const components = ['kube-apiserver', 'etcd'] as const;
const mark = '# Made by "apiserver envtest-assets"';

/** @throws Error in one sentence when the folder cannot be written, or has programs that are not of this command. */
export async function writeEnvtestAssets(options: EnvtestAssetsOptions): Promise<EnvtestAssets> {
  const directory = resolve(options.directory);
  try {
    await mkdir(directory, { recursive: true });
    for (const component of components) await refuseForeign(join(directory, component));
    const { node, script, flags } = options;
    await writeLauncher(join(directory, 'kube-apiserver'), [node, script, 'kube-apiserver', ...flags]);
    await writeLauncher(join(directory, 'etcd'), [node, script, 'etcd']);
    return { directory, kubectl: await provideKubectl(directory, options.path) };
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    if (code === undefined) throw cause;
    const why =
      code === 'EACCES' || code === 'EROFS'
        ? 'it may not be written'
        : code === 'ENOTDIR' || code === 'EEXIST'
          ? 'there is a file in its place'
          : String(cause);
    throw new Error(`cannot use the folder ${directory}: ${why}; choose another with --dir`, { cause });
  }
}

async function refuseForeign(path: string): Promise<void> {
  const content = await readFile(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (content === undefined || content.subarray(0, 512).includes(mark)) return;
  throw new Error(`${path} is another program, which stays; choose another folder with --dir`);
}

/** A test may be starting the old one just now: it is replaced as a whole. */
async function writeLauncher(path: string, command: readonly string[]): Promise<void> {
  const temporary = `${path}.new`;
  const note = `${mark}; run that again after moving the installation.`;
  await writeFile(temporary, `#!/bin/sh\n${note}\nexec ${command.map(quote).join(' ')} "$@"\n`);
  await chmod(temporary, 0o755);
  await rename(temporary, path);
}

/** For sh: nothing within has a meaning. */
function quote(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}

/** A link to the one on the PATH, unless the folder has a kubectl of its own. */
async function provideKubectl(directory: string, path: string | undefined): Promise<string | undefined> {
  const place = join(directory, 'kubectl');
  const there = await lstat(place).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  });
  if (there !== undefined && !there.isSymbolicLink()) return place;
  const kubectl = await findProgram('kubectl', path, directory);
  if (kubectl !== undefined) await link(kubectl, place);
  return kubectl;
}

/** The first on the PATH that may be executed, but for the folder itself. */
async function findProgram(
  name: string,
  path: string | undefined,
  except: string,
): Promise<string | undefined> {
  for (const folder of (path ?? '').split(delimiter)) {
    if (folder === '' || resolve(folder) === except) continue;
    const candidate = resolve(folder, name);
    const isThere = await access(candidate, constants.X_OK).then(
      () => true,
      () => false, // not there, or not ours to execute: the next folder may have one
    );
    if (isThere) return candidate;
  }
  return undefined;
}

async function link(target: string, path: string): Promise<void> {
  const temporary = `${path}.new`;
  await rm(temporary, { force: true });
  await symlink(target, temporary);
  await rename(temporary, path);
}
