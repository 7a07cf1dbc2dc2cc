/**
 * The Kubernetes extensions of CEL that rules use beyond the standard library: strings, lists, sets, regular
 * expressions, quantities, URLs, addresses, versions and named formats. Errors are plain Errors; the rule that raised one fails with its text.
 * Called once, by cel-environment.
 */
import type { Environment } from '@marcbachmann/cel-js';
import { equal, isObject } from '../json.js';
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  parseQuantity,
  type Quantity,
  QuantityError,
} from '../text/quantity.js';
import { registerAddresses } from './cel-addresses.js';
import { formatCel } from './cel-format.js';
import { registerNamedFormats } from './cel-named-formats.js';
import { registerSemver } from './cel-semver.js';
import { registerTwoVariables } from './cel-two-variables.js';
import { compilePattern } from './pattern.js';

/** The name under which `matches` runs in linear time. */
export const linearMatches = 'matchesLinear';

/** Adds the extensions to the environment. */
export function registerKubernetesLibrary(env: Environment): void {
  registerStrings(env);
  registerLists(env);
  registerSets(env);
  registerQuantities(env);
  registerUrls(env);
  registerAddresses(env);
  registerSemver(env);
  registerNamedFormats(env);
  registerTwoVariables(env);
}

class StringsNamespace {}

function registerStrings(env: Environment): void {
  env.registerType('StringsNamespace', StringsNamespace);
  env.registerConstant('strings', 'StringsNamespace', new StringsNamespace());
  env.registerFunction('StringsNamespace.quote(string): string', (_: unknown, text: string) =>
    JSON.stringify(text),
  );
  env.registerFunction(
    'string.charAt(int): string',
    (text: string, at: bigint) => [...text][Number(at)] ?? '',
  );
  env.registerFunction('string.replace(string, string): string', (text: string, from: string, to: string) =>
    text.split(from).join(to),
  );
  env.registerFunction(
    'string.replace(string, string, int): string',
    (text: string, from: string, to: string, limit: bigint) =>
      replaceFirst(text, { from, to, limit: Number(limit) }),
  );
  env.registerFunction('string.reverse(): string', (text: string) => [...text].reverse().join(''));
  env.registerFunction('string.format(list): string', (text: string, values: unknown[]) =>
    formatCel(text, values),
  );
  // The library's own matches() backtracks, which one expression can turn into minutes: compileCel redirects it here.
  env.registerFunction(`string.${linearMatches}(string): bool`, (text: string, pattern: string) =>
    compilePattern(pattern).test(text),
  );
  const all = Number.POSITIVE_INFINITY;
  env.registerFunction(
    'string.find(string): string',
    (text: string, pattern: string) => compilePattern(pattern).findAll(text, 1)[0] ?? '',
  );
  env.registerFunction('string.findAll(string): list<string>', (text: string, pattern: string) =>
    compilePattern(pattern).findAll(text, all),
  );
  env.registerFunction(
    'string.findAll(string, int): list<string>',
    (text: string, pattern: string, limit: bigint) =>
      compilePattern(pattern).findAll(text, limit < 0n ? all : Number(limit)),
  );
}

interface Replacement {
  readonly from: string;
  readonly to: string;
  readonly limit: number;
}

function replaceFirst(text: string, { from, to, limit }: Replacement): string {
  if (limit < 0) return text.split(from).join(to);
  const parts = text.split(from);
  const head = parts.slice(0, limit + 1).join(to);
  return parts.length <= limit + 1 ? head : [head, ...parts.slice(limit + 1)].join(from);
}

function registerLists(env: Environment): void {
  env.registerFunction('list.isSorted(): bool', (list: unknown[]) =>
    list.every((item, i) => i === 0 || compareCel(list[i - 1], item) <= 0),
  );
  env.registerFunction('list.sum(): dyn', (list: unknown[]) => sum(list));
  env.registerFunction('list.min(): dyn', (list: unknown[]) => extreme(list, -1));
  env.registerFunction('list.max(): dyn', (list: unknown[]) => extreme(list, 1));
  env.registerFunction('list.indexOf(dyn): int', (list: unknown[], wanted: unknown) =>
    BigInt(list.findIndex((item) => equalCel(item, wanted))),
  );
  env.registerFunction('list.lastIndexOf(dyn): int', (list: unknown[], wanted: unknown) =>
    BigInt(list.findLastIndex((item) => equalCel(item, wanted))),
  );
  env.registerFunction('list.distinct(): list<dyn>', (list: unknown[]) =>
    list.filter((item, i) => list.findIndex((other) => equalCel(other, item)) === i),
  );
  env.registerFunction('list.reverse(): list<dyn>', (list: unknown[]) => list.toReversed());
  env.registerFunction('list.sort(): list<dyn>', (list: unknown[]) => list.toSorted(compareCel));
  env.registerFunction('list.flatten(): list<dyn>', (list: unknown[]) => list.flat());
  env.registerFunction('list.slice(int, int): list<dyn>', (list: unknown[], start: bigint, end: bigint) => {
    if (start < 0n || end < start || end > BigInt(list.length))
      throw new Error('slice bounds are out of range');
    return list.slice(Number(start), Number(end));
  });
}

function sum(list: readonly unknown[]): unknown {
  if (list.every((item) => typeof item === 'bigint')) return list.reduce((total, item) => total + item, 0n);
  if (list.every((item) => typeof item === 'number')) return list.reduce((total, item) => total + item, 0);
  throw new Error('sum() needs a list of numbers of one type');
}

function extreme(list: readonly unknown[], direction: number): unknown {
  if (list.length === 0) throw new Error('min and max need a list that is not empty');
  return list.reduce((best, item) => (compareCel(item, best) * direction > 0 ? item : best));
}

function compareCel(a: unknown, b: unknown): number {
  const comparable =
    (isNumeric(a) && isNumeric(b)) ||
    (typeof a === typeof b && (typeof a === 'string' || typeof a === 'boolean')) ||
    (a instanceof Date && b instanceof Date);
  if (!comparable) throw new Error('no such overload: the values cannot be ordered');
  const left = a as string; // comparable, so the operators below mean what they say
  const right = b as string;
  if (left < right) return -1;
  return left > right ? 1 : 0;
}

function isNumeric(value: unknown): boolean {
  return typeof value === 'bigint' || typeof value === 'number';
}

function equalCel(a: unknown, b: unknown): boolean {
  // biome-ignore lint/suspicious/noDoubleEquals: CEL compares integers with doubles by value, as == does for BigInt.
  if (isNumeric(a) && isNumeric(b)) return a == b;
  if (a instanceof Date && b instanceof Date) return a.getTime() === b.getTime();
  return equal(a, b);
}

class SetsNamespace {}

function registerSets(env: Environment): void {
  const contains = (list: readonly unknown[], wanted: readonly unknown[]): boolean =>
    wanted.every((each) => list.some((item) => equalCel(item, each)));
  env.registerType('SetsNamespace', SetsNamespace);
  env.registerConstant('sets', 'SetsNamespace', new SetsNamespace());
  env.registerFunction('SetsNamespace.contains(list, list): bool', (_: unknown, a: unknown[], b: unknown[]) =>
    contains(a, b),
  );
  env.registerFunction(
    'SetsNamespace.equivalent(list, list): bool',
    (_: unknown, a: unknown[], b: unknown[]) => contains(a, b) && contains(b, a),
  );
  env.registerFunction(
    'SetsNamespace.intersects(list, list): bool',
    (_: unknown, a: unknown[], b: unknown[]) => b.some((each) => contains(a, [each])),
  );
}

class CelQuantity {
  readonly amount: Quantity;

  constructor(amount: Quantity) {
    this.amount = amount;
  }
}

function registerQuantities(env: Environment): void {
  const ofInt = (value: bigint): Quantity => ({ nanos: value * 1_000_000_000n, format: 'DecimalSI' });
  const add = (a: CelQuantity, b: Quantity): CelQuantity => new CelQuantity(addQuantities(a.amount, b));
  const negate = ({ nanos, format }: Quantity): Quantity => ({ nanos: -nanos, format });
  const whole = ({ amount }: CelQuantity): boolean => amount.nanos % 1_000_000_000n === 0n;
  env.registerType('Quantity', CelQuantity);
  env.registerFunction('quantity(string): Quantity', (text: string) => new CelQuantity(parseQuantity(text)));
  env.registerFunction('isQuantity(string): bool', (text: string) => isQuantity(text));
  env.registerFunction('Quantity.isInteger(): bool', whole);
  env.registerFunction('Quantity.asInteger(): int', (a: CelQuantity) => {
    if (!whole(a)) throw new Error(`cannot convert ${formatQuantity(a.amount)} to an integer`);
    return a.amount.nanos / 1_000_000_000n;
  });
  env.registerFunction(
    'Quantity.asApproximateFloat(): double',
    (a: CelQuantity) => Number(a.amount.nanos) / 1e9,
  );
  env.registerFunction('Quantity.sign(): int', (a: CelQuantity) =>
    BigInt(compareQuantities(a.amount, ofInt(0n))),
  );
  env.registerFunction('Quantity.add(Quantity): Quantity', (a: CelQuantity, b: CelQuantity) =>
    add(a, b.amount),
  );
  env.registerFunction('Quantity.add(int): Quantity', (a: CelQuantity, b: bigint) => add(a, ofInt(b)));
  env.registerFunction('Quantity.sub(Quantity): Quantity', (a: CelQuantity, b: CelQuantity) =>
    add(a, negate(b.amount)),
  );
  env.registerFunction('Quantity.sub(int): Quantity', (a: CelQuantity, b: bigint) => add(a, ofInt(-b)));
  const compare = (a: CelQuantity, b: CelQuantity): number => compareQuantities(a.amount, b.amount);
  env.registerOperator('Quantity == Quantity', (a: CelQuantity, b: CelQuantity) => compare(a, b) === 0);
  env.registerFunction(
    'Quantity.isLessThan(Quantity): bool',
    (a: CelQuantity, b: CelQuantity) => compare(a, b) < 0,
  );
  env.registerFunction(
    'Quantity.isGreaterThan(Quantity): bool',
    (a: CelQuantity, b: CelQuantity) => compare(a, b) > 0,
  );
  env.registerFunction('Quantity.compareTo(Quantity): int', (a: CelQuantity, b: CelQuantity) =>
    BigInt(compare(a, b)),
  );
}

function isQuantity(text: string): boolean {
  try {
    parseQuantity(text);
    return true;
  } catch (error) {
    if (error instanceof QuantityError) return false;
    throw error;
  }
}

/** A parsed URL; the authority is kept as written, because URL drops default ports. */
class CelUrl {
  readonly url: URL;
  readonly host: string;

  constructor(text: string) {
    if (!isUrl(text)) throw new Error(`URL parse error: ${JSON.stringify(text)}`);
    this.url = text.startsWith('/') ? new URL(text, 'path://') : new URL(text);
    this.host = /^[^/?#]*:\/\/(?:[^/?#]*@)?([^/?#@]*)/.exec(text)?.[1] ?? '';
  }
}

function isUrl(text: string): boolean {
  return text.startsWith('/') || URL.canParse(text);
}

function registerUrls(env: Environment): void {
  env.registerType('Url', CelUrl);
  env.registerFunction('isURL(string): bool', isUrl);
  env.registerFunction('url(string): Url', (text: string) => new CelUrl(text));
  env.registerFunction('Url.getScheme(): string', ({ url }: CelUrl) =>
    url.protocol.replace(/^path:$|:$/, ''),
  );
  env.registerFunction('Url.getHost(): string', ({ host }: CelUrl) => host);
  env.registerFunction('Url.getHostname(): string', ({ host }: CelUrl) =>
    host.replace(/:\d*$/, '').replace(/^\[(.*)\]$/, '$1'),
  );
  env.registerFunction('Url.getPort(): string', ({ host }: CelUrl) => /:(\d+)$/.exec(host)?.[1] ?? '');
  env.registerFunction('Url.getEscapedPath(): string', ({ url }: CelUrl) => url.pathname);
  env.registerFunction('Url.getQuery(): map<string, list<string>>', ({ url }: CelUrl) => {
    const query = new Map<string, string[]>();
    for (const [key, value] of url.searchParams) query.set(key, [...(query.get(key) ?? []), value]);
    return query;
  });
}

/** Adds what only condition rules of works know. */
export function registerConditionLibrary(env: Environment): void {
  // The argument is the status of an object. Anything that is no status has no conditions; it is never an error.
  env.registerFunction('hasConditions(dyn): bool', (status: unknown) => {
    const conditions = isObject(status) ? status['conditions'] : undefined;
    return Array.isArray(conditions) && conditions.length > 0;
  });
}
