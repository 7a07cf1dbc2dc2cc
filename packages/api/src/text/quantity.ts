/**
 * Kubernetes quantities (`500m`, `1.5Gi`, `1e3`): exact decimals with at most nine fractional digits, kept as a
 * BigInt of nanos, and the family of suffixes they were written in. Finer values are rounded up (away from zero), as
 * in Kubernetes. Called by the CEL library, resource status and printer code.
 */

export type QuantityFormat = 'DecimalSI' | 'BinarySI' | 'DecimalExponent';

/** An exact amount. */
export interface Quantity {
  /** The amount times 10^9. */
  readonly nanos: bigint;
  readonly format: QuantityFormat;
}

/** A text that is no quantity. */
export class QuantityError extends Error {
  override readonly name = 'QuantityError';
}

const nano = 1_000_000_000n;
const shape = /^([+-]?)(\d+(?:\.\d*)?|\.\d+)([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d{1,4})?$/;
const decimalPowers = new Map([
  ['n', -9],
  ['u', -6],
  ['m', -3],
  ['', 0],
  ['k', 3],
  ['M', 6],
  ['G', 9],
  ['T', 12],
  ['P', 15],
  ['E', 18],
]);
const decimalSuffixes = new Map([...decimalPowers].map(([suffix, power]) => [power, suffix]));
const binaryUnits = ['', 'Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'];
/** More would only burn memory: no real amount has such a magnitude. */
const maxExponent = 400;

/** Reads a quantity. Numbers are accepted because JSON and YAML may carry them bare. @throws QuantityError */
export function parseQuantity(text: string | number): Quantity {
  const source = String(text);
  const found = shape.exec(source);
  if (found === null || source.length > 1000) {
    throw new QuantityError(
      `quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$': ${JSON.stringify(source.slice(0, 100))}`,
    );
  }
  const [, sign, digits = '0', suffix = ''] = found;
  const { power, factor, format } = scaleOf(suffix);
  if (Math.abs(power) > maxExponent) {
    throw new QuantityError(`the exponent of quantity ${JSON.stringify(source)} is out of range`);
  }
  const [whole = '', fraction = ''] = digits.split('.');
  const exponent = power + 9 - fraction.length;
  const amount = BigInt(`${whole}${fraction}` || '0') * factor;
  const nanos = exponent >= 0 ? amount * 10n ** BigInt(exponent) : divideUp(amount, 10n ** BigInt(-exponent));
  return { nanos: sign === '-' ? -nanos : nanos, format };
}

interface Scale {
  readonly power: number;
  readonly factor: bigint;
  readonly format: QuantityFormat;
}

function scaleOf(suffix: string): Scale {
  const unit = suffix === '' ? -1 : binaryUnits.indexOf(suffix);
  if (unit > 0) return { power: 0, factor: 1024n ** BigInt(unit), format: 'BinarySI' };
  const power = decimalPowers.get(suffix);
  if (power !== undefined) return { power, factor: 1n, format: 'DecimalSI' };
  return { power: Number(suffix.slice(1)), factor: 1n, format: 'DecimalExponent' };
}

function divideUp(a: bigint, b: bigint): bigint {
  return (a + b - 1n) / b;
}

/** The canonical text: no fraction, the largest suffix that allows it. */
export function formatQuantity({ nanos, format }: Quantity): string {
  const sign = nanos < 0n ? '-' : '';
  const size = nanos < 0n ? -nanos : nanos;
  if (size === 0n) return '0';
  if (format === 'BinarySI' && size >= 1024n * nano) return sign + formatBinary(divideUp(size, nano));
  let amount = size;
  let power = -9;
  // Nine is a multiple of three, so dropping three zeros at a time keeps the power one that has a suffix.
  while (amount % 1000n === 0n && (format === 'DecimalExponent' || power < 18)) {
    amount /= 1000n;
    power += 3;
  }
  if (format !== 'DecimalExponent') return `${sign}${amount}${decimalSuffixes.get(power) ?? ''}`;
  return power === 0 ? `${sign}${amount}` : `${sign}${amount}e${power}`;
}

function formatBinary(size: bigint): string {
  let amount = size;
  let unit = 0;
  while (amount % 1024n === 0n && unit < binaryUnits.length - 1) {
    amount /= 1024n;
    unit++;
  }
  return `${amount}${binaryUnits[unit] ?? ''}`;
}

/** The sum, in the format of the first that is not zero. */
export function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, format: a.nanos === 0n ? b.format : a.format };
}

/** Negative, zero or positive, like every comparison function. */
export function compareQuantities(a: Quantity, b: Quantity): number {
  if (a.nanos === b.nanos) return 0;
  return a.nanos < b.nanos ? -1 : 1;
}
