/**
 * Reads kubectl's JSONPath dialect into steps. Called by jsonpath.ts.
 */

/** A text that is no path in kubectl's dialect. */
export class JsonPathError extends Error {
  override readonly name = 'JsonPathError';
  /** Where in the text the mistake is, counted from 0. */
  readonly position: number;

  constructor(problem: string, { path, position }: { readonly path: string; readonly position: number }) {
    super(`invalid JSONPath ${JSON.stringify(path)}: ${problem} at position ${position}`);
    this.position = position;
  }
}

export type JsonPathStep =
  | { readonly kind: 'field'; readonly name: string }
  | { readonly kind: 'index'; readonly index: number }
  | { readonly kind: 'slice'; readonly start?: number; readonly end?: number; readonly step: number }
  | { readonly kind: 'wildcard' }
  /** The value itself and everything below it. */
  | { readonly kind: 'descend' }
  | { readonly kind: 'union'; readonly steps: readonly JsonPathStep[] }
  | {
      readonly kind: 'filter';
      readonly left: FilterOperand;
      /** Absent for an existence test; `right` is then unused. */
      readonly operator: string | undefined;
      readonly right: FilterOperand;
    };

export type FilterOperand =
  | { readonly kind: 'literal'; readonly value: string | number | boolean | null }
  | { readonly kind: 'path'; readonly from: 'item' | 'root'; readonly steps: readonly JsonPathStep[] };

/** The steps of a path. @throws JsonPathError */
export function parseJsonPath(path: string): readonly JsonPathStep[] {
  return new Parser(path).parse();
}

const spaces = /\s*/y;
const number = /[+-]?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
const integer = /[+-]?\d+/y;
const slice = /([+-]?\d+)?\s*:\s*([+-]?\d+)?(?:\s*:\s*([+-]?\d+)?)?/y;
const operator = /==|!=|<=|>=|<|>/y;
const word = /true|false|null/y;
/** A key without quotes: anything but what has a meaning, which a backslash takes away. */
const plainKey = /(?:[^\s.[\](){}'"\\,:@$?*=!<>|&]|\\[\s\S])+/y;

class Parser {
  readonly #text: string;
  readonly #end: number;
  #at: number;
  #depth = 0;

  constructor(text: string) {
    this.#text = text;
    const lead = text.length - text.trimStart().length;
    const trimmed = text.trimEnd().length;
    this.#at = lead;
    this.#end = trimmed;
    if (text[lead] === '{') {
      if (text[trimmed - 1] !== '}' || trimmed - lead < 2) this.#fail('unclosed {');
      this.#at = lead + 1;
      this.#end = trimmed - 1;
    }
  }

  parse(): readonly JsonPathStep[] {
    this.#space();
    if (this.#at >= this.#end) this.#fail('empty path');
    if (this.#peek() === '$' || this.#peek() === '@') this.#at++;
    else if (this.#peek() !== '.' && this.#peek() !== '[') {
      const steps: JsonPathStep[] = [this.#key()];
      return this.#finish(steps);
    }
    return this.#finish([]);
  }

  #finish(steps: JsonPathStep[]): readonly JsonPathStep[] {
    this.#steps(steps);
    this.#space();
    if (this.#at < this.#end) this.#fail(`unexpected character ${JSON.stringify(this.#peek())}`);
    return steps;
  }

  #steps(steps: JsonPathStep[]): void {
    for (;;) {
      const char = this.#peek();
      if (char === '.') this.#dot(steps);
      else if (char === '[') steps.push(this.#bracket());
      else return;
    }
  }

  #dot(steps: JsonPathStep[]): void {
    this.#at++;
    if (this.#peek() === '.') {
      this.#at++;
      steps.push({ kind: 'descend' });
      if (this.#peek() === '[') return;
      if (this.#at >= this.#end) this.#fail('a key must follow ..');
    } else if (this.#at >= this.#end || /[\s)=!<>]/.test(this.#peek())) {
      if (steps.length > 0) this.#fail('a key must follow .');
      return; // a single dot is the value itself
    } else if (this.#peek() === '[') {
      return;
    }
    if (this.#peek() === '*') {
      this.#at++;
      steps.push({ kind: 'wildcard' });
      return;
    }
    steps.push(this.#key());
  }

  #key(): JsonPathStep {
    const name = this.#match(plainKey);
    if (name === undefined) this.#fail('expected a key');
    return { kind: 'field', name: name.replace(/\\([\s\S])/g, '$1') };
  }

  #bracket(): JsonPathStep {
    this.#at++;
    this.#space();
    if (this.#peek() === '?') return this.#filter();
    const steps: JsonPathStep[] = [];
    do {
      this.#space();
      steps.push(this.#subscript());
      this.#space();
    } while (this.#skip(','));
    this.#expect(']');
    const [first] = steps;
    return steps.length === 1 && first !== undefined ? first : { kind: 'union', steps };
  }

  #subscript(): JsonPathStep {
    const char = this.#peek();
    if (char === '*') {
      this.#at++;
      return { kind: 'wildcard' };
    }
    if (char === "'" || char === '"') return { kind: 'field', name: this.#quoted() };
    const range = this.#range();
    if (range !== undefined) return range;
    const index = this.#match(integer);
    if (index !== undefined) {
      const value = Number(index);
      if (!Number.isSafeInteger(value)) this.#fail(`index ${index} is out of range`);
      return { kind: 'index', index: value };
    }
    return this.#fail('expected an index, a slice, * or a quoted key');
  }

  #range(): JsonPathStep | undefined {
    slice.lastIndex = this.#at;
    const found = slice.exec(this.#text);
    if (found === null || slice.lastIndex > this.#end) return undefined;
    const [all, start, end, step = '1'] = found;
    if (Number(step) <= 0) this.#fail('the step of a slice must be positive');
    this.#at += all.length;
    return {
      kind: 'slice',
      ...(start !== undefined && { start: Number(start) }),
      ...(end !== undefined && { end: Number(end) }),
      step: Number(step),
    };
  }

  #filter(): JsonPathStep {
    this.#at++;
    this.#expect('(');
    if (++this.#depth > 20) this.#fail('filters nest too deep');
    this.#space();
    const left = this.#operand();
    this.#space();
    const sign = this.#match(operator);
    this.#space();
    const right = sign === undefined ? left : this.#operand();
    this.#space();
    this.#expect(')');
    this.#space();
    this.#expect(']');
    this.#depth--;
    return { kind: 'filter', left, operator: sign, right };
  }

  #operand(): FilterOperand {
    const char = this.#peek();
    if (char === '@' || char === '$') {
      this.#at++;
      const steps: JsonPathStep[] = [];
      this.#steps(steps);
      return { kind: 'path', from: char === '@' ? 'item' : 'root', steps };
    }
    if (char === '.' || char === '[') {
      const steps: JsonPathStep[] = [];
      this.#steps(steps);
      return { kind: 'path', from: 'item', steps };
    }
    if (char === "'" || char === '"') return { kind: 'literal', value: this.#quoted() };
    const literal = this.#match(word);
    if (literal !== undefined) {
      return { kind: 'literal', value: literal === 'null' ? null : literal === 'true' };
    }
    const digits = this.#match(number);
    if (digits !== undefined) return { kind: 'literal', value: Number(digits) };
    return this.#fail('expected @, $ or a literal');
  }

  #quoted(): string {
    const quote = this.#peek();
    const from = this.#at++;
    let out = '';
    for (;;) {
      if (this.#at >= this.#end) {
        this.#at = from;
        this.#fail('unterminated quoted text');
      }
      const char = this.#text[this.#at++] ?? '';
      if (char === quote) return out;
      out += char === '\\' && this.#at < this.#end ? (this.#text[this.#at++] ?? '') : char;
    }
  }

  #peek(): string {
    return this.#at < this.#end ? (this.#text[this.#at] ?? '') : '';
  }

  #space(): void {
    this.#match(spaces);
  }

  /** Takes the pattern here, unless it would run past the end or match nothing. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const found = pattern.exec(this.#text)?.[0];
    if (found === undefined || found === '' || this.#at + found.length > this.#end) return undefined;
    this.#at += found.length;
    return found;
  }

  #skip(char: string): boolean {
    if (this.#peek() !== char) return false;
    this.#at++;
    return true;
  }

  #expect(char: string): void {
    if (!this.#skip(char)) this.#fail(`expected ${char}`);
  }

  #fail(problem: string): never {
    throw new JsonPathError(problem, { path: this.#text, position: this.#at });
  }
}
