/**
 * The string formats that a CustomResourceDefinition may ask for and the API server checks; other formats are
 * accepted unread. Every expression here runs in linear time. Called by the validator and by the CEL rules.
 */

/** True when the text has the format, or when the format is not one that is checked. */
export function isFormat(format: string, text: string): boolean {
  const check = formats.get(format.replaceAll('-', '')) ?? formats.get(format);
  return check === undefined || check(text);
}

/** True when the API server checks this format. */
export function isCheckedFormat(format: string): boolean {
  return formats.has(format.replaceAll('-', '')) || formats.has(format);
}

const hex = '[0-9a-fA-F]';
const uuid = uuidOf('');

const formats: ReadonlyMap<string, (text: string) => boolean> = new Map<string, (text: string) => boolean>([
  ['bsonobjectid', matcher(/^[0-9a-fA-F]{24}$/)],
  ['uri', isRequestUri],
  ['email', isEmail],
  ['hostname', isHostname],
  ['ipv4', isIpv4],
  ['ipv6', isIpv6],
  ['cidr', isCidr],
  [
    'mac',
    matcher(
      /^(?:[0-9a-fA-F]{2}([:-])(?:[0-9a-fA-F]{2}\1){4}[0-9a-fA-F]{2}|(?:[0-9a-fA-F]{4}\.){2}[0-9a-fA-F]{4})$/,
    ),
  ],
  ['uuid', uuid],
  ['uuid3', uuidOf('3')],
  ['uuid4', uuidOf('4')],
  ['uuid5', uuidOf('5')],
  ['isbn', (text) => isIsbn10(text) || isIsbn13(text)],
  ['isbn10', isIsbn10],
  ['isbn13', isIsbn13],
  ['creditcard', isCreditCard],
  ['ssn', matcher(/^\d{3}[- ]?\d{2}[- ]?\d{4}$/)],
  ['hexcolor', matcher(/^#?(?:[0-9a-fA-F]{3}|[0-9a-fA-F]{6})$/)],
  ['rgbcolor', isRgbColor],
  ['byte', isBase64],
  ['password', () => true],
  ['date', isDate],
  ['duration', (text) => isDuration(text)],
  ['datetime', isDateTime],
  ['k8sshortname', (text) => text.length <= 63 && shortName.test(text)],
  ['k8slongname', isLongName],
]);

const shortName = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

function matcher(expression: RegExp): (text: string) => boolean {
  return (text) => expression.test(text);
}

function uuidOf(version: string): (text: string) => boolean {
  const group3 = version === '' ? `${hex}{4}` : `${version}${hex}{3}`;
  const group4 = version === '4' || version === '5' ? `[89abAB]${hex}{3}` : `${hex}{4}`;
  return matcher(new RegExp(`^${hex}{8}-?${hex}{4}-?${group3}-?${group4}-?${hex}{12}$`));
}

function isRequestUri(text: string): boolean {
  if (text.startsWith('/')) return !/[\s\u007f]/.test(text);
  return /^[a-zA-Z][a-zA-Z0-9+.-]*:/.test(text) && URL.canParse(text) && !/\s/.test(text);
}

function isEmail(text: string): boolean {
  const address = /^[^<>]*<([^<>]+)>$/.exec(text)?.[1] ?? text;
  const at = address.lastIndexOf('@');
  if (at <= 0 || at === address.length - 1) return false;
  const local = address.slice(0, at);
  const domain = address.slice(at + 1);
  const quoted = /^"[^"\\\r\n]*"$/.test(local);
  const dotted = local.split('.').every((part) => /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\uffff]+$/.test(part));
  return (
    (quoted || dotted) &&
    domain.split('.').every((part) => /^[\w!#$%&'*+\-/=?^`{|}~\u0080-\uffff]+$/.test(part))
  );
}

function isHostname(text: string): boolean {
  if (text.length === 0 || text.length > 255) return false;
  return text.split('.').every((label) => {
    return (
      label.length <= 63 &&
      /^[a-zA-Z0-9\u00a0-\uffff](?:[a-zA-Z0-9\u00a0-\uffff-]*[a-zA-Z0-9\u00a0-\uffff])?$/.test(label)
    );
  });
}

function isLongName(text: string): boolean {
  return text.length <= 253 && text.split('.').every((label) => shortName.test(label));
}

/** Dotted decimal without leading zeros. */
export function isIpv4(text: string): boolean {
  const parts = text.split('.');
  return (
    parts.length === 4 && parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

/** RFC 4291 text form, without a zone. */
export function isIpv6(text: string): boolean {
  if (!text.includes(':') || text.length > 45) return false;
  const halves = text.split('::');
  if (halves.length > 2) return false;
  let groups = 0;
  for (const [h, half] of halves.entries()) {
    if (half === '') continue;
    const parts = half.split(':');
    for (const [i, part] of parts.entries()) {
      const last = h === halves.length - 1 && i === parts.length - 1;
      if (last && part.includes('.')) {
        if (!isIpv4(part)) return false;
        groups += 2;
      } else if (/^[0-9a-fA-F]{1,4}$/.test(part)) {
        groups++;
      } else {
        return false;
      }
    }
  }
  return halves.length === 2 ? groups < 8 : groups === 8;
}

/** An address, a slash and a prefix length. */
export function isCidr(text: string): boolean {
  const slash = text.indexOf('/');
  if (slash < 0) return false;
  const address = text.slice(0, slash);
  const bits = text.slice(slash + 1);
  if (!/^(?:0|[1-9]\d{0,2})$/.test(bits)) return false;
  if (isIpv4(address)) return Number(bits) <= 32;
  return isIpv6(address) && Number(bits) <= 128;
}

function isIsbn10(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  if (!/^\d{9}[\dX]$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 10; i++) sum += (10 - i) * (digits[i] === 'X' ? 10 : Number(digits[i]));
  return sum % 11 === 0;
}

function isIsbn13(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  if (!/^\d{13}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < 13; i++) sum += (i % 2 === 0 ? 1 : 3) * Number(digits[i]);
  return sum % 10 === 0;
}

function isCreditCard(text: string): boolean {
  const digits = text.replace(/[ -]/g, '');
  if (!/^\d{13,19}$/.test(digits)) return false;
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = Number(digits[digits.length - 1 - i]);
    if (i % 2 === 1) digit = digit > 4 ? digit * 2 - 9 : digit * 2;
    sum += digit;
  }
  return sum % 10 === 0;
}

function isRgbColor(text: string): boolean {
  const found = /^rgb\(\s*(\d{1,3})\s*,\s*(\d{1,3})\s*,\s*(\d{1,3})\s*\)$/.exec(text);
  return found?.slice(1).every((part) => Number(part) <= 255) ?? false;
}

function isBase64(text: string): boolean {
  return text.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(text);
}

const monthDays = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

function isDate(text: string): boolean {
  const found = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  if (found === null) return false;
  const [year, month, day] = found.slice(1).map(Number) as [number, number, number]; // three groups
  const leap = month === 2 && year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = (monthDays[month - 1] ?? 0) + (leap ? 1 : 0);
  return day >= 1 && day <= days;
}

function isDateTime(text: string): boolean {
  const found = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(?:\.\d+)?(?:[Zz]|[+-](\d{2}):(\d{2}))$/.exec(
    text,
  );
  if (found === null || !isDate(found[1] ?? '')) return false;
  const [hour, minute, second, zoneHour = 0, zoneMinute = 0] = found
    .slice(2)
    .map((part) => Number(part ?? 0)) as [number, number, number, number, number]; // five groups
  return hour <= 23 && minute <= 59 && second <= 59 && zoneHour <= 23 && zoneMinute <= 59;
}

/** Go durations (`1h30m`, `-1.5s`) and the reference's words (`3 days`). */
export function isDuration(text: string): boolean {
  if (/^[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))+)$/.test(text)) return true;
  return /^(?:\d+)\s*(?:ns|nanoseconds?|nanos?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)$/i.test(
    text,
  );
}
