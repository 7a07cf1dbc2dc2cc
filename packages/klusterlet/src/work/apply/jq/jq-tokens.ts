/** Splits a jq expression into tokens. Called by the parser. Pure. */

/** An expression that is no path of jq as it is read here; the message says why. */
export class JqPathError extends Error {
  override readonly name = 'JqPathError';
}

export interface JqToken {
  /** `field` is a name after a dot, `end` stands behind the last one. */
  readonly type: 'field' | 'name' | 'string' | 'number' | 'symbol' | 'end';
  readonly text: string;
  readonly at: number;
}

/** Longest expression that is read: a path needs no more. */
const maxLength = 4096;

const patterns: readonly [JqToken['type'] | 'space', RegExp][] = [
  ['space', /(?:\s+|#[^\n]*)+/y],
  ['field', /\.(?=[A-Za-z_])\w+/y],
  ['symbol', /\.\.|\/\/|==|!=|<=|>=|[.|,()[\]?<>:;-]/y],
  ['number', /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y],
  ['string', /"(?:[^"\\]|\\.)*"/y],
  ['name', /[A-Za-z_]\w*/y],
];

/** @throws JqPathError at the first thing that is no token of a path. */
export function tokenizeJq(text: string): JqToken[] {
  if (text.length > maxLength) throw new JqPathError(`it is longer than ${maxLength} characters`);
  const tokens: JqToken[] = [];
  for (let at = 0; at < text.length; ) {
    const [type, match] = nextToken(text, at);
    if (type !== 'space') tokens.push({ type, text: match, at });
    at += match.length;
  }
  tokens.push({ type: 'end', text: '', at: text.length });
  return tokens;
}

function nextToken(text: string, at: number): [JqToken['type'] | 'space', string] {
  for (const [type, pattern] of patterns) {
    pattern.lastIndex = at;
    const match = pattern.exec(text)?.[0];
    if (match !== undefined) return [type, match];
  }
  throw new JqPathError(`${JSON.stringify(text[at])} at position ${at} is not supported in a path`);
}

/** The value of a string token. @throws JqPathError for interpolation and escapes that there are not. */
export function readString({ text, at }: JqToken): string {
  try {
    return JSON.parse(text) as string; // a string by its quotes
  } catch {
    throw new JqPathError(`the string at position ${at} has an escape that is not supported`);
  }
}
