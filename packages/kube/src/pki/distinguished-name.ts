/**
 * Subject and issuer names. Kubernetes takes identity from the common name (user) and organizations (groups), so
 * anything ambiguous there is refused, not guessed: two common names, text that is not what its type says. Pure.
 */
import {
  type DerNode,
  derTag,
  expectTag,
  readOid,
  writeOid,
  writeSequence,
  writeSet,
  writeText,
} from './der.js';
import { oid } from './oids.js';
import { PkiError } from './pki-error.js';

/** The parts of a name that mean something here; all others are ignored. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
  /** Kubernetes' uid attribute. */
  readonly uid?: string;
}

/** What a name is made from. */
export interface NameParts {
  readonly commonName: string;
  readonly organizations?: readonly string[];
  readonly organizationalUnits?: readonly string[];
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
const printable = /^[A-Za-z0-9 '()+,\-./:=?]*$/;

function writeAttribute(type: string, value: string): Uint8Array {
  const tag = printable.test(value) ? derTag.printableString : derTag.utf8String;
  return writeSequence(writeOid(type), writeText(tag, value));
}

/** RDNs in Go's order, one for each value, so that the order of organizations is kept. */
export function writeName(name: NameParts): Uint8Array {
  const rdns: Uint8Array[] = [];
  const add = (type: string, values: readonly string[]): void => {
    for (const value of values) rdns.push(writeSet(writeAttribute(type, value)));
  };
  add(oid.organization, name.organizations ?? []);
  add(oid.organizationalUnit, name.organizationalUnits ?? []);
  add(oid.commonName, name.commonName === '' ? [] : [name.commonName]);
  return writeSequence(...rdns);
}

/** @throws PkiError when the name is damaged or has two common names. */
export function readName(node: DerNode | undefined): DistinguishedName {
  const found = new Map<string, string[]>();
  for (const rdn of expectTag(node, derTag.sequence, 'the name').children) {
    for (const attribute of expectTag(rdn, derTag.set, 'a part of the name').children) {
      const [type, value, ...rest] = attribute.children;
      const key = readOid(type, 'the type of a part of the name');
      if (value === undefined || rest.length > 0) throw new PkiError('a part of the name is damaged');
      if (!meaningful.has(key)) continue;
      found.set(key, [...(found.get(key) ?? []), readText(value)]);
    }
  }
  const [commonName = '', ...others] = found.get(oid.commonName) ?? [];
  if (others.length > 0) throw new PkiError('the name has more than one common name');
  const [uid, ...otherUids] = found.get(oid.kubernetesUid) ?? [];
  if (otherUids.length > 0) throw new PkiError('the name has more than one uid');
  return {
    commonName,
    organizations: found.get(oid.organization) ?? [],
    organizationalUnits: found.get(oid.organizationalUnit) ?? [],
    ...(uid !== undefined && { uid }),
  };
}

const meaningful: ReadonlySet<string> = new Set([
  oid.commonName,
  oid.organization,
  oid.organizationalUnit,
  oid.kubernetesUid,
]);

function readText({ tag, content }: DerNode): string {
  switch (tag) {
    case derTag.utf8String:
      return decodeUtf8(content);
    case derTag.printableString:
    case derTag.ia5String:
    case derTag.teletexString:
      // Go and openssl differ on the upper half of these; nobody needs it.
      if (content.some((byte) => byte >= 0x80)) throw new PkiError('a part of the name is not ASCII');
      return Buffer.from(content).toString('latin1');
    case derTag.bmpString:
      if (content.length % 2 !== 0) throw new PkiError('a part of the name is cut');
      return Buffer.from(content).swap16().toString('utf16le');
    default:
      throw new PkiError('a part of the name has an unknown text type');
  }
}

function decodeUtf8(content: Uint8Array): string {
  try {
    return utf8.decode(content);
  } catch (cause) {
    throw new PkiError('a part of the name is not UTF-8', { cause });
  }
}
