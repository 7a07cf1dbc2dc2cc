/**
 * Times as Kubernetes writes them (metav1.Time, metav1.MicroTime) and ages as kubectl prints them.
 * Moments are milliseconds since 1970. Nothing here reads a clock.
 */

/** metav1.Time: RFC 3339 in UTC, whole seconds. The fraction is cut, not rounded. */
export function formatTime(ms: number): string {
  return `${new Date(ms).toISOString().slice(0, -5)}Z`;
}

/** metav1.MicroTime: six digits of a second. */
export function formatMicroTime(ms: number): string {
  const whole = Math.floor(ms);
  const micros = Math.floor((ms - whole) * 1000);
  return `${new Date(whole).toISOString().slice(0, -1)}${String(micros).padStart(3, '0')}Z`;
}

const rfc3339 =
  /^(\d{4})-(\d{2})-(\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.(\d+))?([Zz]|([+-])(\d{2}):(\d{2}))$/;

/**
 * Milliseconds of an RFC 3339 time with any offset and any fraction; digits below a millisecond are kept as a
 * fraction. Throws when the text is not such a time or names a day or hour that does not exist.
 */
export function parseTime(text: string): number {
  const match = rfc3339.exec(text);
  const [year, month, day, hour, minute, second] = (match ?? []).slice(1, 7).map(Number);
  if (
    match === null ||
    year === undefined ||
    month === undefined ||
    day === undefined ||
    hour === undefined ||
    minute === undefined ||
    second === undefined
  ) {
    throw badTime(text);
  }
  const offsetHours = Number(match[10] ?? 0);
  const offsetMinutes = Number(match[11] ?? 0);
  if (hour > 23 || minute > 59 || second > 59 || offsetHours > 23 || offsetMinutes > 59) throw badTime(text);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day); // Date.UTC would take years below 100 for 19xx
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) throw badTime(text);
  date.setUTCHours(hour, minute, second);
  const fractionMs =
    match[7] === undefined ? 0 : Number(`${match[7].slice(0, 3).padEnd(3, '0')}.${match[7].slice(3)}0`);
  const offset = (offsetHours * 60 + offsetMinutes) * 60_000 * (match[9] === '-' ? -1 : 1);
  return date.getTime() + fractionMs - offset;
}

function badTime(text: string): Error {
  return new Error(`cannot parse ${JSON.stringify(text)} as an RFC 3339 time`);
}

const second = 1;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;
const year = 365 * day;

/**
 * How kubectl prints an age: two units at most, coarser as it grows. Up to two seconds in the future count as
 * now, since clocks differ; more than that is `<invalid>`.
 */
export function formatAge(ms: number): string {
  const seconds = Math.trunc(ms / 1000);
  if (seconds < -1) return '<invalid>';
  if (seconds < 0) return '0s';
  if (seconds < 2 * minute) return `${seconds}s`;
  if (seconds < 10 * minute) return two(seconds, { unit: minute, name: 'm', rest: second, restName: 's' });
  if (seconds < 3 * hour) return `${Math.floor(seconds / minute)}m`;
  if (seconds < 8 * hour) return two(seconds, { unit: hour, name: 'h', rest: minute, restName: 'm' });
  if (seconds < 2 * day) return `${Math.floor(seconds / hour)}h`;
  if (seconds < 8 * day) return two(seconds, { unit: day, name: 'd', rest: hour, restName: 'h' });
  if (seconds < 2 * year) return `${Math.floor(seconds / day)}d`;
  if (seconds < 8 * year) return two(seconds, { unit: year, name: 'y', rest: day, restName: 'd' });
  return `${Math.floor(seconds / year)}y`;
}

interface Units {
  readonly unit: number;
  readonly name: string;
  readonly rest: number;
  readonly restName: string;
}

function two(seconds: number, { unit, name, rest, restName }: Units): string {
  const more = Math.floor((seconds % unit) / rest);
  const first = `${Math.floor(seconds / unit)}${name}`;
  return more === 0 ? first : `${first}${more}${restName}`;
}
