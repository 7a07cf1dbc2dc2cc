/** The X.509 extensions that are read and written here, and the list form they travel in. Pure. */
import { isIP } from 'node:net';
import {
  contextTag,
  type DerNode,
  derTag,
  expectTag,
  readBits,
  readBoolean,
  readDer,
  readInteger,
  readOid,
  writeBits,
  writeBoolean,
  writeDer,
  writeInteger,
  writeOctets,
  writeOid,
  writeSequence,
  writeText,
} from './der.js';
import { oid } from './oids.js';
import { PkiError } from './pki-error.js';

export interface Extension {
  readonly oid: string;
  readonly critical: boolean;
  readonly value: Uint8Array;
}

/** Subject alternative names; `others` counts those of types that are not read. */
export interface AlternativeNames {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly emailAddresses: readonly string[];
  readonly uris: readonly string[];
  readonly others: number;
}

/** Usages by the names of certificates.k8s.io: a bit of KeyUsage or a purpose of ExtendedKeyUsage. */
const keyUsageBits: Readonly<Record<string, number>> = {
  'digital signature': 0,
  signing: 0,
  'content commitment': 1,
  'key encipherment': 2,
  'data encipherment': 3,
  'key agreement': 4,
  'cert sign': 5,
  'crl sign': 6,
  'encipher only': 7,
  'decipher only': 8,
};
const purposes: Readonly<Record<string, string>> = {
  any: oid.anyExtendedKeyUsage,
  'server auth': '1.3.6.1.5.5.7.3.1',
  'client auth': '1.3.6.1.5.5.7.3.2',
  'code signing': '1.3.6.1.5.5.7.3.3',
  'email protection': '1.3.6.1.5.5.7.3.4',
  's/mime': '1.3.6.1.5.5.7.3.4',
  'ipsec end system': '1.3.6.1.5.5.7.3.5',
  'ipsec tunnel': '1.3.6.1.5.5.7.3.6',
  'ipsec user': '1.3.6.1.5.5.7.3.7',
  timestamping: '1.3.6.1.5.5.7.3.8',
  'ocsp signing': '1.3.6.1.5.5.7.3.9',
  'microsoft sgc': '1.3.6.1.4.1.311.10.3.3',
  'netscape sgc': '2.16.840.1.113730.4.1',
};

export type CertificateUsage = string;

/** All usages of certificates.k8s.io, as validation lists them. */
export const certificateUsages: readonly string[] = [
  ...Object.keys(keyUsageBits),
  ...Object.keys(purposes),
].sort();

/** True for a usage of certificates.k8s.io. */
export function isKnownUsage(usage: string): boolean {
  return certificateUsages.includes(usage);
}

/** Sorts the names that a server is reached by into DNS names and addresses. */
export function splitServerNames(names: readonly string[]): { dnsNames: string[]; ipAddresses: string[] } {
  return {
    dnsNames: names.filter((name) => isIP(name) === 0),
    ipAddresses: names.filter((name) => isIP(name) !== 0),
  };
}

export const keyCertSignBit = 5;

/** The purpose's object identifier; undefined for what is no extended usage. */
export function purposeOid(usage: string): string | undefined {
  return Object.hasOwn(purposes, usage) ? purposes[usage] : undefined;
}

export function writeExtension({ oid: id, critical, value }: Extension): Uint8Array {
  return writeSequence(writeOid(id), ...(critical ? [writeBoolean(true)] : []), writeOctets(value));
}

/** @throws PkiError when an extension is damaged or there twice. */
export function readExtensions(list: DerNode): ReadonlyMap<string, Extension> {
  const found = new Map<string, Extension>();
  for (const { children } of expectTag(list, derTag.sequence, 'the list of extensions').children) {
    const id = readOid(children[0], 'the type of an extension');
    if (found.has(id)) throw new PkiError(`the extension ${id} is there twice`);
    const second = children[1];
    const critical = second?.tag === derTag.boolean && readBoolean(second, 'the criticality of an extension');
    const value = expectTag(children.at(-1), derTag.octetString, `the extension ${id}`);
    found.set(id, { oid: id, critical, value: value.content });
  }
  return found;
}

/** KeyUsage and ExtendedKeyUsage for a list of usages; unknown names throw. */
export function usageExtensions(usages: readonly CertificateUsage[]): Extension[] {
  const bits = new Set<number>();
  const ids = new Set<string>();
  for (const usage of usages) {
    const bit = Object.hasOwn(keyUsageBits, usage) ? keyUsageBits[usage] : undefined;
    const purpose = purposeOid(usage);
    if (bit !== undefined) bits.add(bit);
    else if (purpose !== undefined) ids.add(purpose);
    else throw new PkiError(`there is no certificate usage ${JSON.stringify(usage)}`);
  }
  const extensions: Extension[] = [];
  if (bits.size > 0) extensions.push({ oid: oid.keyUsage, critical: true, value: writeBits([...bits]) });
  if (ids.size > 0) {
    const value = writeSequence(...[...ids].map(writeOid));
    extensions.push({ oid: oid.extendedKeyUsage, critical: false, value });
  }
  return extensions;
}

export function readKeyUsage(extension: Extension | undefined): ReadonlySet<number> | undefined {
  return extension && readBits(readDer(extension.value), 'the key usage');
}

export function readPurposes(extension: Extension | undefined): readonly string[] | undefined {
  if (extension === undefined) return undefined;
  const list = expectTag(readDer(extension.value), derTag.sequence, 'the extended key usage');
  return list.children.map((child) => readOid(child, 'an extended key usage'));
}

export function basicConstraints(options: { isCa: boolean; pathLength?: number }): Extension {
  const parts = options.isCa ? [writeBoolean(true)] : [];
  if (options.pathLength !== undefined) parts.push(writeInteger(Uint8Array.of(options.pathLength)));
  return { oid: oid.basicConstraints, critical: true, value: writeSequence(...parts) };
}

export function readBasicConstraints(extension: Extension | undefined): {
  isCa: boolean;
  pathLength?: number;
} {
  if (extension === undefined) return { isCa: false };
  const { children } = expectTag(readDer(extension.value), derTag.sequence, 'the basic constraints');
  const [first] = children;
  const isCa = first?.tag === derTag.boolean && readBoolean(first, 'the basic constraints');
  const length = children.find(({ tag }) => tag === derTag.integer);
  return { isCa, ...(length !== undefined && { pathLength: readInteger(length, 'the path length') }) };
}

const dnsTag = contextTag(2, { constructed: false });
const emailTag = contextTag(1, { constructed: false });
const uriTag = contextTag(6, { constructed: false });
const ipTag = contextTag(7, { constructed: false });

/** `critical` must be true when the subject is empty (RFC 5280 4.2.1.6). */
export function subjectAltName(
  names: { dnsNames: readonly string[]; ipAddresses: readonly string[] },
  options: { critical: boolean },
): Extension {
  const value = writeSequence(
    ...names.dnsNames.map((name) => writeText(dnsTag, name)),
    ...names.ipAddresses.map((address) => writeDer(ipTag, addressOctets(address))),
  );
  return { oid: oid.subjectAltName, critical: options.critical, value };
}

export function readAlternativeNames(extension: Extension | undefined): AlternativeNames {
  const dnsNames: string[] = [];
  const ipAddresses: string[] = [];
  const emailAddresses: string[] = [];
  const uris: string[] = [];
  let others = 0;
  const texts = new Map([
    [dnsTag, dnsNames],
    [emailTag, emailAddresses],
    [uriTag, uris],
  ]);
  if (extension !== undefined) {
    const list = expectTag(readDer(extension.value), derTag.sequence, 'the list of alternative names');
    for (const { tag, content } of list.children) {
      const into = texts.get(tag);
      if (into !== undefined) into.push(asciiText(content));
      else if (tag === ipTag) ipAddresses.push(formatAddress(content));
      else others++;
    }
  }
  return { dnsNames, ipAddresses, emailAddresses, uris, others };
}

function asciiText(content: Uint8Array): string {
  if (content.some((byte) => byte >= 0x80 || byte === 0)) {
    throw new PkiError('an alternative name is not ASCII text');
  }
  return Buffer.from(content).toString('latin1');
}

function addressOctets(address: string): Uint8Array {
  const version = isIP(address);
  if (version === 4) return Uint8Array.from(address.split('.').map(Number));
  if (version === 0) throw new PkiError(`${JSON.stringify(address)} is not an IP address`);
  // An IPv4 tail counts as two groups.
  const text = address
    .replace(/%.*$/, '')
    .replace(/(\d+)\.(\d+)\.(\d+)\.(\d+)$/, (_, a, b, c, d) =>
      [(Number(a) << 8) | Number(b), (Number(c) << 8) | Number(d)]
        .map((group) => group.toString(16))
        .join(':'),
    );
  const [head = '', tail] = text.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const zeros = tail === undefined ? 0 : 8 - left.length - right.length;
  const groups = [...left, ...new Array<string>(zeros).fill('0'), ...right].map((group) =>
    Number.parseInt(group, 16),
  );
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

function formatAddress(octets: Uint8Array): string {
  if (octets.length === 4) return octets.join('.');
  if (octets.length !== 16) throw new PkiError('an alternative name is no IP address');
  const groups: string[] = [];
  for (let i = 0; i < 16; i += 2) groups.push((((octets[i] ?? 0) << 8) | (octets[i + 1] ?? 0)).toString(16));
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1); // the URL standard's shortest form
}
