/** Certificates with their keys as files of a directory, `<name>.crt` and `<name>.key`. */
import { join } from 'node:path';
import type { CertificateAuthority, Env } from '@flotilla/kube';

export interface PairDirectory {
  readonly env: Pick<Env, 'files'>;
  readonly directory: string;
}

/** Undefined unless both files are there. */
export async function readPair(
  { env, directory }: PairDirectory,
  name: string,
): Promise<CertificateAuthority | undefined> {
  const [certificate, key] = await Promise.all([
    env.files.read(join(directory, `${name}.crt`)),
    env.files.read(join(directory, `${name}.key`)),
  ]);
  if (certificate === undefined || key === undefined) return undefined;
  return { certificatePem: Buffer.from(certificate).toString(), privateKeyPem: Buffer.from(key).toString() };
}

/** The key first: a certificate without its key would look whole after a crash. */
export async function writePair(
  { env, directory }: PairDirectory,
  name: string,
  pair: CertificateAuthority,
): Promise<void> {
  await env.files.write(join(directory, `${name}.key`), pair.privateKeyPem, { mode: 0o600 });
  await env.files.write(join(directory, `${name}.crt`), pair.certificatePem, { mode: 0o644 });
}
