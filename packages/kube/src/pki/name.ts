/** X.501 names, as far as Kubernetes identities use them: one common name, organizations, organizational units. */
import {
  type Asn1,
  child,
  children,
  oid,
  oids,
  oidText,
  sequence,
  setOf,
  stringText,
  utf8String,
} from './der.js';

/** CN is the user, each O a group. */
export interface DistinguishedName {
  readonly commonName: string;
  readonly organizations: readonly string[];
  readonly organizationalUnits: readonly string[];
}

function attribute(type: string, value: string): Asn1 {
  return setOf(sequence(oid(type), utf8String(value)));
}

export function encodeName(name: Partial<DistinguishedName>): Asn1 {
  return sequence(
    ...(name.organizations ?? []).map((value) => attribute(oids.organization, value)),
    ...(name.organizationalUnits ?? []).map((value) => attribute(oids.organizationalUnit, value)),
    ...(name.commonName === undefined || name.commonName === ''
      ? []
      : [attribute(oids.commonName, name.commonName)]),
  );
}

/** Other attributes are left out. @throws PkiError on a malformed name. */
export function decodeName(value: Asn1): DistinguishedName {
  const what = 'the subject';
  const found: Record<string, string[]> = {};
  for (const relative of children(value, what)) {
    for (const pair of children(relative, what)) {
      const type = oidText(child(pair, 0, what), what);
      const list = found[type] ?? [];
      list.push(stringText(child(pair, 1, what), what));
      found[type] = list;
    }
  }
  return {
    commonName: found[oids.commonName]?.at(-1) ?? '',
    organizations: found[oids.organization] ?? [],
    organizationalUnits: found[oids.organizationalUnit] ?? [],
  };
}
