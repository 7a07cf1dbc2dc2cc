/**
 * Puts what all servers on one store have in common into a server's own directory, in the form that `authorities.ts`
 * reads, before `ensureServerPki` makes the rest: at each start, and when another server has rolled the authority.
 */
import { join } from 'node:path';
import type { Env } from '@flotilla/kube';
import { authorityFiles } from './authorities.js';
import { readPair, writePair } from './pair-files.js';
import { serviceAccountKeyFile } from './server-pki.js';
import type { SharedIdentity } from './shared-identity.js';

export interface AdoptOptions {
  readonly env: Pick<Env, 'files'>;
  readonly directory: string;
}

/**
 * A crash in between is mended by the next start, which comes here first.
 * @throws Error when the directory holds the keys of another cluster: they are never overwritten.
 */
export async function adoptIdentity(shared: SharedIdentity, options: AdoptOptions): Promise<void> {
  const { files } = options.env;
  const path = (name: string): string => join(options.directory, name);
  const read = async (name: string): Promise<string | undefined> => {
    const bytes = await files.read(path(name));
    return bytes === undefined ? undefined : Buffer.from(bytes).toString();
  };
  const { current, next, old } = authorityFiles;
  await requireOwn(shared, { read, path });
  if (shared.next === undefined)
    for (const file of [`${next}.crt`, `${next}.key`]) await files.remove(path(file));
  if (shared.old === undefined) await files.remove(path(`${old}.crt`));
  for (const [name, pair] of [
    [current, shared.ca],
    [next, shared.next],
  ] as const) {
    const known = await readPair(options, name);
    if (pair !== undefined && known?.certificatePem !== pair.certificatePem)
      await writePair(options, name, pair);
  }
  if (shared.old !== undefined) await files.write(path(`${old}.crt`), shared.old, { mode: 0o644 });
  if ((await read(serviceAccountKeyFile)) === undefined)
    await files.write(path(serviceAccountKeyFile), shared.serviceAccountKey, { mode: 0o600 });
}

/** The authority may have been rolled while this server was down; the key of service accounts stays the same. */
async function requireOwn(
  { ca, serviceAccountKey }: SharedIdentity,
  { read, path }: { read(name: string): Promise<string | undefined>; path(name: string): string },
): Promise<void> {
  const caKey = `${authorityFiles.current}.key`;
  const [knownKey, knownCaKey] = [await read(serviceAccountKeyFile), await read(caKey)];
  const isOtherCa = knownCaKey !== undefined && knownCaKey !== ca.privateKeyPem;
  const isOther = knownKey === undefined ? isOtherCa : knownKey !== serviceAccountKey;
  if (!isOther) return;
  throw new Error(
    `${path(isOtherCa ? caKey : serviceAccountKeyFile)} is not that of the servers that share this etcd: the directory belongs to another cluster; choose another with --data-dir`,
  );
}
