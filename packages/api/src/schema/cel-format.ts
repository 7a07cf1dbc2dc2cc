/**
 * `"...".format([...])` of the CEL string library: %s, %d, %f, %e, %x, %X, %o, %b and %%. Called by cel-library.
 */

/** Fills the clauses of the template with the values. @throws Error where they do not fit. */
export function formatCel(template: string, values: readonly unknown[]): string {
  let used = 0;
  return template.replace(
    /%(?:\.(\d{1,3}))?([\s\S]|$)/g,
    (_, precision: string | undefined, clause: string) => {
      if (clause === '%') return '%';
      if (used >= values.length) throw new Error(`index ${used} out of range`);
      return formatClause(values[used++], clause, precision === undefined ? 6 : Number(precision));
    },
  );
}

function formatClause(value: unknown, clause: string, precision: number): string {
  switch (clause) {
    case 's':
      return formatText(value);
    case 'd':
      if (typeof value === 'bigint') return value.toString();
      break;
    case 'b':
      if (typeof value === 'boolean') return value ? '1' : '0';
      if (typeof value === 'bigint') return value.toString(2);
      break;
    case 'o':
      if (typeof value === 'bigint') return value.toString(8);
      break;
    case 'x':
    case 'X': {
      const hex = toHex(value);
      if (hex !== undefined) return clause === 'X' ? hex.toUpperCase() : hex;
      break;
    }
    case 'f':
    case 'e':
      if (typeof value === 'number' || typeof value === 'bigint') {
        const number = Number(value);
        return clause === 'f'
          ? number.toFixed(Math.min(precision, 100))
          : number.toExponential(Math.min(precision, 100));
      }
      break;
    default:
      throw new Error(`unrecognized formatting clause ${JSON.stringify(clause)}`);
  }
  throw new Error(`the value does not fit the formatting clause %${clause}`);
}

function toHex(value: unknown): string | undefined {
  if (typeof value === 'bigint') return value.toString(16);
  if (typeof value === 'string') return Buffer.from(value).toString('hex');
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : undefined;
}

function formatText(value: unknown): string {
  if (typeof value === 'string') return value;
  if (value === null) return 'null';
  if (value instanceof Date) return value.toISOString().replace('.000Z', 'Z');
  if (value instanceof Uint8Array) return Buffer.from(value).toString();
  if (Array.isArray(value)) return `[${value.map(formatText).join(', ')}]`;
  if (typeof value !== 'object') return String(value);
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return `{${entries.map(([key, each]) => `${formatText(key)}: ${formatText(each)}`).join(', ')}}`;
}
