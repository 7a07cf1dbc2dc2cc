/** Reads the feature gates of Klusterlet and ClusterManager objects. Which gate does what is the caller's affair. Pure. */
import type { FeatureGate } from './kinds/operator-common.js';

export interface GateSet {
  /** How each known gate stands: as the object says, else by its default. */
  readonly isOn: (feature: string) => boolean;
  /** Names that nobody knows, in their order. */
  readonly unknown: readonly string[];
  /** Known gates that ask for what cannot be had, in words: `ClusterImporter (on)`. */
  readonly unsupported: readonly string[];
}

/** A known gate: its default, and whether it may be switched away from it. */
export interface KnownGate {
  readonly isOn: boolean;
  readonly isFixed: boolean;
}

export function readFeatureGates(
  gates: readonly FeatureGate[] | undefined,
  known: Readonly<Record<string, KnownGate>>,
): GateSet {
  const asked = new Map((gates ?? []).map(({ feature, mode }) => [feature, mode === 'Enable']));
  const names = [...asked.keys()];
  const gateOf = (name: string): KnownGate | undefined =>
    Object.hasOwn(known, name) ? known[name] : undefined;
  return {
    isOn: (feature) => {
      const gate = gateOf(feature);
      return gate?.isFixed === false ? (asked.get(feature) ?? gate.isOn) : gate?.isOn === true;
    },
    unknown: names.filter((name) => gateOf(name) === undefined),
    unsupported: names
      .filter((name) => gateOf(name)?.isFixed === true && gateOf(name)?.isOn !== asked.get(name))
      .map((name) => `${name} (${asked.get(name) === true ? 'on' : 'off'})`),
  };
}

/** Paths of the fields of `spec` that are set and are not among those that are honoured or mean nothing by their value. */
export function unsupportedFields(
  spec: object | undefined,
  rules: {
    readonly honoured: readonly string[];
    readonly harmless: Readonly<Record<string, readonly unknown[]>>;
  },
): string[] {
  const found: string[] = [];
  const walk = (value: unknown, path: string): void => {
    if (rules.honoured.includes(path)) return;
    const inner = rules.honoured
      .concat(Object.keys(rules.harmless))
      .some((each) => each.startsWith(`${path}.`));
    if (inner && typeof value === 'object' && value !== null && !Array.isArray(value)) {
      for (const [key, each] of Object.entries(value)) walk(each, `${path}.${key}`);
      return;
    }
    if (!(rules.harmless[path] ?? []).includes(value)) found.push(path);
  };
  for (const [key, value] of Object.entries(spec ?? {})) walk(value, key);
  return found;
}
