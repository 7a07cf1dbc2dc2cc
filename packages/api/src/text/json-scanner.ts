/**
 * A validating scanner for JSON texts that reports duplicate keys by path and the first syntax error by offset, in
 * the words of Go's decoder. It builds no values. Called by json.ts when JSON.parse alone does not tell enough.
 */

export interface ScanResult {
  readonly duplicates: string[];
  /** Paths of integers that a JavaScript number cannot hold. */
  readonly inexact: string[];
  readonly problem: { readonly message: string; readonly offset: number } | undefined;
}

/** Scans the whole text. */
export function scanJson(text: string, { maxDepth }: { readonly maxDepth: number }): ScanResult {
  const scanner = new Scanner(text, maxDepth);
  try {
    scanner.run();
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    const { duplicates, inexact } = scanner;
    return { duplicates, inexact, problem: { message: error.message, offset: error.offset } };
  }
  return { duplicates: scanner.duplicates, inexact: scanner.inexact, problem: undefined };
}

class Problem extends Error {
  readonly offset: number;

  constructor(message: string, offset: number) {
    super(message);
    this.offset = offset;
  }
}

const numberPattern = /-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const spacePattern = /[ \n\r\t]*/y;

class Scanner {
  readonly duplicates: string[] = [];
  readonly inexact: string[] = [];
  readonly #text: string;
  readonly #maxDepth: number;
  #at = 0;

  constructor(text: string, maxDepth: number) {
    this.#text = text;
    this.#maxDepth = maxDepth;
  }

  run(): void {
    this.#space();
    this.#value('', 0);
    this.#space();
    if (this.#at < this.#text.length) this.#fail('after top-level value');
  }

  #value(path: string, depth: number): void {
    if (depth > this.#maxDepth) throw new Problem(`exceeded max depth of ${this.#maxDepth}`, this.#at);
    const char = this.#text[this.#at];
    switch (char) {
      case '{':
        this.#object(path, depth);
        return;
      case '[':
        this.#array(path, depth);
        return;
      case '"':
        this.#string();
        return;
      case 't':
        this.#literal('true');
        return;
      case 'f':
        this.#literal('false');
        return;
      case 'n':
        this.#literal('null');
        return;
      default:
        this.#number(path);
    }
  }

  #number(path: string): void {
    const from = this.#at;
    if (!this.#match(numberPattern)) this.#fail('looking for beginning of value');
    const literal = this.#text.slice(from, this.#at);
    const value = Number(literal);
    if (!Number.isFinite(value)) throw new Problem('number out of range', from);
    if (literal.length < 16 || !/^-?\d+$/.test(literal)) return;
    if (String(value) !== literal && BigInt(value) !== BigInt(literal)) this.inexact.push(path);
  }

  #object(path: string, depth: number): void {
    const seen = new Set<string>();
    const reported = new Set<string>();
    this.#at++;
    this.#space();
    if (this.#skip('}')) return;
    for (;;) {
      if (this.#text[this.#at] !== '"') this.#fail('looking for beginning of object key string');
      const key = this.#string();
      const child = path === '' ? key : `${path}.${key}`;
      if (seen.has(key) && !reported.has(key)) {
        this.duplicates.push(child);
        reported.add(key);
      }
      seen.add(key);
      this.#space();
      if (!this.#skip(':')) this.#fail('after object key');
      this.#space();
      this.#value(child, depth + 1);
      this.#space();
      if (this.#skip('}')) return;
      if (!this.#skip(',')) this.#fail('after object key:value pair');
      this.#space();
    }
  }

  #array(path: string, depth: number): void {
    this.#at++;
    this.#space();
    if (this.#skip(']')) return;
    for (let i = 0; ; i++) {
      this.#value(`${path}[${i}]`, depth + 1);
      this.#space();
      if (this.#skip(']')) return;
      if (!this.#skip(',')) this.#fail('after array element');
      this.#space();
    }
  }

  #string(): string {
    const from = this.#at;
    const text = this.#text;
    this.#at++;
    for (;;) {
      const code = text.charCodeAt(this.#at);
      if (code === 0x22) break;
      if (Number.isNaN(code) || code < 0x20) this.#fail('in string literal');
      this.#at++;
      if (code === 0x5c) this.#escape();
    }
    this.#at++;
    return JSON.parse(text.slice(from, this.#at)) as string; // exactly one valid string literal
  }

  #escape(): void {
    const code = this.#text[this.#at] ?? '';
    if (code === '' || !'"\\/bfnrtu'.includes(code)) this.#fail('in string escape code');
    this.#at++;
    if (code !== 'u') return;
    for (let i = 0; i < 4; i++) {
      if (!/^[0-9a-fA-F]$/.test(this.#text[this.#at] ?? ''))
        this.#fail('in \\u hexadecimal character escape');
      this.#at++;
    }
  }

  #literal(word: string): void {
    for (const char of word) {
      if (!this.#skip(char)) this.#fail(`in literal ${word}`);
    }
  }

  #space(): void {
    this.#match(spacePattern);
  }

  #match(pattern: RegExp): boolean {
    pattern.lastIndex = this.#at;
    if (!pattern.test(this.#text)) return false;
    this.#at = pattern.lastIndex;
    return true;
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false;
    this.#at++;
    return true;
  }

  #fail(where: string): never {
    const code = this.#text.codePointAt(this.#at);
    if (code === undefined) throw new Problem('unexpected end of JSON input', this.#at);
    const char =
      code === 0x27
        ? "'\\''"
        : `'${JSON.stringify(String.fromCodePoint(code)).slice(1, -1).replace('\\"', '"')}'`;
    throw new Problem(`invalid character ${char} ${where}`, this.#at);
  }
}
