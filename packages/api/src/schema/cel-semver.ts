/** Semantic versions (semver.org 2.0.0) in CEL: `semver`, `isSemver` and their methods. Called by cel-library. */
import type { Environment } from '@marcbachmann/cel-js';

class CelSemver {
  readonly numbers: readonly bigint[];
  /** The identifiers of a pre-release; none for a release. */
  readonly pre: readonly string[];

  constructor(numbers: readonly bigint[], pre: readonly string[]) {
    this.numbers = numbers;
    this.pre = pre;
  }

  number(at: 0 | 1 | 2): bigint {
    return this.numbers[at] ?? 0n;
  }
}

const strict =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-((?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*)(?:\.(?:0|[1-9]\d*|\d*[A-Za-z-][\dA-Za-z-]*))*))?(?:\+[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*)?$/;

function parseSemver(text: string, normalize: boolean): CelSemver | undefined {
  // A version is short: the bound keeps the expression from running long on anything else.
  const found = text.length > 256 ? null : strict.exec(normalize ? normalized(text) : text);
  if (found === null) return undefined;
  const [, major = '', minor = '', patch = '', pre] = found;
  return new CelSemver([major, minor, patch].map(BigInt), pre?.split('.') ?? []);
}

/** `v1.02` is 1.2.0. */
function normalized(text: string): string {
  const [, version = '', rest = ''] = /^v?([\d.]*)([\s\S]*)$/.exec(text) ?? [];
  const parts = version.split('.').map((part) => part.replace(/^0+(?=\d)/, ''));
  while (parts.length < 3) parts.push('0');
  return parts.join('.') + rest;
}

function requireSemver(text: string, normalize: boolean): CelSemver {
  const version = parseSemver(text, normalize);
  if (version !== undefined) return version;
  throw new Error(`semver parse error during conversion from string: ${JSON.stringify(text)}`);
}

/** By precedence: a release comes after its pre-releases, and builds do not count. */
function compare(a: CelSemver, b: CelSemver): -1 | 0 | 1 {
  for (const at of [0, 1, 2] as const) {
    if (a.number(at) !== b.number(at)) return a.number(at) < b.number(at) ? -1 : 1;
  }
  if (a.pre.length === 0 || b.pre.length === 0) return signOf(b.pre.length - a.pre.length);
  for (const [i, left] of a.pre.entries()) {
    const right = b.pre[i];
    if (right === undefined) return 1;
    const order = compareIdentifiers(left, right);
    if (order !== 0) return order;
  }
  return a.pre.length < b.pre.length ? -1 : 0;
}

function compareIdentifiers(a: string, b: string): -1 | 0 | 1 {
  const numeric = /^\d+$/;
  if (numeric.test(a) !== numeric.test(b)) return numeric.test(a) ? -1 : 1;
  if (a === b) return 0;
  if (numeric.test(a) && a.length !== b.length) return a.length < b.length ? -1 : 1;
  return a < b ? -1 : 1;
}

function signOf(value: number): -1 | 0 | 1 {
  if (value === 0) return 0;
  return value < 0 ? -1 : 1;
}

/** Adds the functions to the environment. */
export function registerSemver(env: Environment): void {
  env.registerType('Semver', CelSemver);
  env.registerFunction('semver(string): Semver', (text: string) => requireSemver(text, false));
  env.registerFunction('semver(string, bool): Semver', requireSemver);
  env.registerFunction('isSemver(string): bool', (text: string) => parseSemver(text, false) !== undefined);
  env.registerFunction(
    'isSemver(string, bool): bool',
    (text: string, normalize: boolean) => parseSemver(text, normalize) !== undefined,
  );
  env.registerFunction('Semver.major(): int', (version: CelSemver) => version.number(0));
  env.registerFunction('Semver.minor(): int', (version: CelSemver) => version.number(1));
  env.registerFunction('Semver.patch(): int', (version: CelSemver) => version.number(2));
  env.registerFunction('Semver.compareTo(Semver): int', (a: CelSemver, b: CelSemver) =>
    BigInt(compare(a, b)),
  );
  env.registerFunction('Semver.isLessThan(Semver): bool', (a: CelSemver, b: CelSemver) => compare(a, b) < 0);
  env.registerFunction(
    'Semver.isGreaterThan(Semver): bool',
    (a: CelSemver, b: CelSemver) => compare(a, b) > 0,
  );
  env.registerOperator('Semver == Semver', (a: CelSemver, b: CelSemver) => compare(a, b) === 0);
}
