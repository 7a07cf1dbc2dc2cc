/**
 * The JSON form of Kubernetes' special protobuf messages: times, durations, quantities, int-or-string, embedded JSON.
 * Called by decode.ts for the leaves of a message. Throws WireError for bytes that are not the message.
 */
import { formatMicroTime, formatTime } from '@flotilla/api';
import { readFields, WireError, type WireValue } from './wire.js';

export function bytesOf(value: WireValue): Buffer {
  if (value.wire !== 'bytes')
    throw new WireError(`wrong wireType ${value.wire} for a length-delimited field`);
  return value.value;
}

export function varintOf(value: WireValue): bigint {
  if (value.wire !== 'varint') throw new WireError(`wrong wireType ${value.wire} for an integer field`);
  return value.value;
}

export function textOf(value: WireValue): string {
  return bytesOf(value).toString('utf8');
}

/** Beyond 2^53 the nearest double, as JSON.parse would read it. */
export function int64Of(value: WireValue): number {
  return Number(BigInt.asIntN(64, varintOf(value)));
}

export function int32Of(value: WireValue): number {
  return Number(BigInt.asIntN(32, varintOf(value)));
}

/** Time{1 seconds, 2 nanos}. Undefined: the empty message, which is no time at all. */
export function timeOf(value: WireValue, precision: 'seconds' | 'micros'): string | undefined {
  const bytes = bytesOf(value);
  if (bytes.length === 0) return undefined;
  let seconds = 0;
  let nanos = 0;
  readFields(bytes, (number, part) => {
    if (number === 1) seconds = int64Of(part);
    else if (number === 2) nanos = int32Of(part);
  });
  const ms = seconds * 1000;
  if (!Number.isFinite(new Date(ms).getTime())) throw new WireError('time is out of range');
  if (precision === 'seconds') return formatTime(ms);
  // Whole microseconds, computed apart from the seconds: a double holds no six digits of today's milliseconds.
  const micros = Math.min(999_999, Math.max(0, Math.floor(nanos / 1000)));
  return formatMicroTime(ms).replace(/\.\d+Z$/, `.${String(micros).padStart(6, '0')}Z`);
}

const durationUnits: readonly (readonly [string, bigint])[] = [
  ['h', 3_600_000_000_000n],
  ['m', 60_000_000_000n],
];

/** Duration{1 nanoseconds} as Go writes it: `1h0m0s`, `1.5s`, `200ms`. */
export function durationOf(value: WireValue): string {
  let nanos = 0n;
  readFields(bytesOf(value), (number, part) => {
    if (number === 1) nanos = BigInt.asIntN(64, varintOf(part));
  });
  return formatDuration(nanos);
}

/** Go's time.Duration.String. */
export function formatDuration(nanos: bigint): string {
  if (nanos === 0n) return '0s';
  const sign = nanos < 0n ? '-' : '';
  let rest = nanos < 0n ? -nanos : nanos;
  if (rest < 1000n) return `${sign}${rest}ns`;
  if (rest < 1_000_000n) return `${sign}${Number(rest) / 1e3}µs`;
  if (rest < 1_000_000_000n) return `${sign}${Number(rest) / 1e6}ms`;
  let text = '';
  for (const [unit, size] of durationUnits) {
    if (rest >= size || text !== '') text += `${rest / size}${unit}`;
    rest %= size;
  }
  return `${sign}${text}${Number(rest) / 1e9}s`;
}

/** Quantity{1 text}. */
export function quantityOf(value: WireValue): string {
  let text = '0';
  readFields(bytesOf(value), (number, part) => {
    if (number === 1) text = textOf(part);
  });
  return text === '' ? '0' : text;
}

/** IntOrString{1 type (0 int, 1 string), 2 int, 3 text}. */
export function intOrStringOf(value: WireValue): number | string {
  let type = 0;
  let int = 0;
  let text = '';
  readFields(bytesOf(value), (number, part) => {
    if (number === 1) type = int32Of(part);
    else if (number === 2) int = int32Of(part);
    else if (number === 3) text = textOf(part);
  });
  return type === 1 ? text : int;
}

/** The bytes in field 1: FieldsV1, RawExtension, CRD JSON. */
export function rawOf(value: WireValue): Buffer {
  let raw = Buffer.alloc(0);
  readFields(bytesOf(value), (number, part) => {
    if (number === 1) raw = Buffer.from(bytesOf(part));
  });
  return raw;
}

/** JSON inside protobuf. */
export function jsonOf(raw: Buffer): unknown {
  try {
    return JSON.parse(raw.toString('utf8'));
  } catch (error) {
    if (error instanceof SyntaxError) throw new WireError(`embedded JSON: ${error.message}`);
    throw error;
  }
}
