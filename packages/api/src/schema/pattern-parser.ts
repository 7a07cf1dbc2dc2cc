/**
 * Reads a regular expression in RE2 syntax, the one that schemas and CEL rules are written in, into a tree.
 * Look-around and back-references do not exist in RE2 and are refused. Error texts are those of Go's regexp/syntax.
 * Called by pattern.ts.
 */
import {
  complement,
  foldCase,
  namedClass,
  perlClass,
  posixClass,
  type Ranges,
  union,
} from './pattern-classes.js';

export type Assertion = 'textStart' | 'textEnd' | 'lineStart' | 'lineEnd' | 'wordBoundary' | 'noWordBoundary';

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'set'; readonly ranges: Ranges }
  | { readonly kind: 'assert'; readonly assertion: Assertion }
  | { readonly kind: 'sequence' | 'choice'; readonly nodes: readonly PatternNode[] }
  | {
      readonly kind: 'repeat';
      readonly node: PatternNode;
      readonly min: number;
      readonly max: number;
      readonly lazy: boolean;
    };

/** A text that is no RE2 expression. */
export class PatternError extends Error {
  override readonly name = 'PatternError';

  constructor(problem: string, part: string) {
    super(`error parsing regexp: ${problem}: \`${part}\``);
  }
}

/** Parses the expression. @throws PatternError */
export function parsePattern(pattern: string): PatternNode {
  return new Parser(pattern).parse();
}

/** RE2's own bound for a counted repetition. */
const maxRepeat = 1000;
const maxNesting = 200;
const maxCodePoint = 0x10ffff;

interface Flags {
  readonly ignoreCase: boolean;
  readonly multiLine: boolean;
  readonly dotAll: boolean;
  readonly ungreedy: boolean;
}

class Parser {
  readonly #text: string;
  #at = 0;
  #depth = 0;
  #flags: Flags = { ignoreCase: false, multiLine: false, dotAll: false, ungreedy: false };

  constructor(text: string) {
    this.#text = text;
  }

  parse(): PatternNode {
    const node = this.#choice();
    if (this.#at < this.#text.length) throw new PatternError('unexpected )', this.#text);
    return node;
  }

  #choice(): PatternNode {
    if (++this.#depth > maxNesting) throw new PatternError('expression nests too deeply', this.#text);
    const nodes: PatternNode[] = [this.#sequence()];
    while (this.#skip('|')) nodes.push(this.#sequence());
    this.#depth--;
    const [first] = nodes;
    return nodes.length === 1 && first !== undefined ? first : { kind: 'choice', nodes };
  }

  #sequence(): PatternNode {
    const nodes: PatternNode[] = [];
    while (this.#at < this.#text.length && !this.#sees('|') && !this.#sees(')')) {
      if (this.#text.startsWith('\\Q', this.#at)) {
        nodes.push(...this.#literalText());
        continue;
      }
      const from = this.#at;
      const atom = this.#atom();
      nodes.push(atom === undefined ? { kind: 'empty' } : this.#repeated(atom, from));
    }
    return { kind: 'sequence', nodes };
  }

  #literalText(): PatternNode[] {
    const end = this.#text.indexOf('\\E', this.#at + 2);
    const literal = this.#text.slice(this.#at + 2, end < 0 ? this.#text.length : end);
    this.#at = end < 0 ? this.#text.length : end + 2;
    return [...literal].map((char) => this.#literal(char.codePointAt(0) ?? 0));
  }

  #repeated(atom: PatternNode, from: number): PatternNode {
    let node = atom;
    let previous: string | undefined;
    for (;;) {
      const start = this.#at;
      const count = this.#repetition();
      if (count === undefined) return node;
      const lazy = this.#skip('?') !== this.#flags.ungreedy;
      const operator = this.#text.slice(start, this.#at);
      if (previous !== undefined) {
        throw new PatternError('invalid nested repetition operator', previous + operator);
      }
      previous = operator;
      if (count.min > maxRepeat || (count.max !== Number.POSITIVE_INFINITY && count.max > maxRepeat)) {
        throw new PatternError('invalid repeat count', operator);
      }
      if (count.min > count.max) throw new PatternError('invalid repeat count', operator);
      if (start === from) throw new PatternError('missing argument to repetition operator', operator);
      node = { kind: 'repeat', node, ...count, lazy };
    }
  }

  #repetition(): { readonly min: number; readonly max: number } | undefined {
    if (this.#skip('*')) return { min: 0, max: Number.POSITIVE_INFINITY };
    if (this.#skip('+')) return { min: 1, max: Number.POSITIVE_INFINITY };
    if (this.#skip('?')) return { min: 0, max: 1 };
    const counted = this.#take(/\{(\d+)(,(\d*))?\}/y);
    if (counted === undefined) return undefined;
    const min = Number(counted[1]);
    if (counted[2] === undefined) return { min, max: min };
    return { min, max: counted[3] === '' ? Number.POSITIVE_INFINITY : Number(counted[3]) };
  }

  /** One atom, or undefined for a group that only sets flags. */
  #atom(): PatternNode | undefined {
    const code = this.#text.codePointAt(this.#at) ?? 0;
    const char = String.fromCodePoint(code);
    switch (char) {
      case '(':
        return this.#group();
      case '[':
        return { kind: 'set', ranges: this.#class() };
      case '\\':
        return this.#escape();
      case '*':
      case '+':
      case '?':
        throw new PatternError('missing argument to repetition operator', char);
      default:
    }
    this.#at += char.length;
    if (char === '^') return { kind: 'assert', assertion: this.#flags.multiLine ? 'lineStart' : 'textStart' };
    if (char === '$') return { kind: 'assert', assertion: this.#flags.multiLine ? 'lineEnd' : 'textEnd' };
    if (char !== '.') return this.#literal(code);
    const everything: Ranges = [[0, maxCodePoint]];
    return { kind: 'set', ranges: this.#flags.dotAll ? everything : complement([[10, 10]]) };
  }

  #literal(code: number): PatternNode {
    return { kind: 'set', ranges: this.#folded([[code, code]]) };
  }

  #folded(ranges: Ranges): Ranges {
    return this.#flags.ignoreCase ? foldCase(ranges) : ranges;
  }

  #group(): PatternNode | undefined {
    const start = this.#at;
    const outer = this.#flags;
    this.#at++;
    if (this.#sees('?')) {
      const named = this.#take(/\?P?<([A-Za-z_]\w*)>/y);
      if (named === undefined) {
        const flags = this.#take(/\?([imsU]*)(?:-([imsU]+))?([:)])/y);
        if (flags === undefined) {
          const part = this.#text.slice(start, this.#at + 2);
          throw new PatternError('invalid or unsupported Perl syntax', part);
        }
        const [, on = '', off = '', close] = flags;
        this.#flags = {
          ignoreCase: (outer.ignoreCase || on.includes('i')) && !off.includes('i'),
          multiLine: (outer.multiLine || on.includes('m')) && !off.includes('m'),
          dotAll: (outer.dotAll || on.includes('s')) && !off.includes('s'),
          ungreedy: (outer.ungreedy || on.includes('U')) && !off.includes('U'),
        };
        if (close === ')') return undefined;
      }
    }
    const inner = this.#choice();
    if (!this.#skip(')')) throw new PatternError('missing closing )', this.#text);
    this.#flags = outer;
    return inner;
  }

  #escape(): PatternNode {
    const assertions: Readonly<Record<string, Assertion>> = {
      A: 'textStart',
      z: 'textEnd',
      b: 'wordBoundary',
      B: 'noWordBoundary',
    };
    const assertion = assertions[this.#text[this.#at + 1] ?? ''];
    if (assertion !== undefined) {
      this.#at += 2;
      return { kind: 'assert', assertion };
    }
    return { kind: 'set', ranges: this.#folded(this.#escapedClass() ?? single(this.#escapedCode())) };
  }

  /** `\d`, `\pL` and the like, or undefined when the escape means one character. */
  #escapedClass(): Ranges | undefined {
    const perl = this.#take(/\\([dDsSwW])/y);
    if (perl?.[1] !== undefined) return perlClass(perl[1]);
    const named = this.#take(/\\([pP])(?:\{(\^?)(\w+)\}|(\w))/y);
    if (named === undefined) return undefined;
    const ranges = namedClass(named[3] ?? named[4] ?? '');
    if (ranges === undefined) throw new PatternError('invalid character class range', named[0]);
    return (named[1] === 'P') !== (named[2] === '^') ? complement(ranges) : ranges;
  }

  #escapedCode(): number {
    const controls: Readonly<Record<string, number>> = { a: 7, f: 12, t: 9, n: 10, r: 13, v: 11 };
    const code = this.#text.codePointAt(this.#at + 1);
    if (code === undefined) throw new PatternError('trailing backslash at end of expression', '');
    const hex = this.#take(/\\x(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/y);
    if (hex !== undefined) {
      const value = Number.parseInt(hex[1] ?? hex[2] ?? '', 16);
      if (value > maxCodePoint) throw new PatternError('invalid escape sequence', hex[0]);
      return value;
    }
    const octal = this.#take(/\\(0[0-7]{0,2}|[1-7][0-7]{1,2})/y);
    if (octal?.[1] !== undefined) return Number.parseInt(octal[1], 8);
    const char = String.fromCodePoint(code);
    const control = controls[char];
    if (control === undefined && (/[A-Za-z0-9]/.test(char) || code > 127)) {
      throw new PatternError('invalid escape sequence', `\\${char}`);
    }
    this.#at += 1 + char.length;
    return control ?? code;
  }

  #class(): Ranges {
    const start = this.#at++;
    const negated = this.#skip('^');
    let ranges: Ranges = [];
    for (let first = true; first || !this.#sees(']'); first = false) {
      if (this.#at >= this.#text.length) {
        throw new PatternError('missing closing ]', this.#text.slice(start));
      }
      ranges = union(ranges, this.#classItem());
    }
    this.#at++;
    const folded = this.#folded(ranges);
    return negated ? complement(folded) : folded;
  }

  #classItem(): Ranges {
    const posix = this.#take(/\[:(\^?)(\w+):\]/y);
    if (posix !== undefined) {
      const ranges = posixClass(posix[2] ?? '');
      if (ranges === undefined) throw new PatternError('invalid character class range', posix[0]);
      return posix[1] === '^' ? complement(ranges) : ranges;
    }
    const from = this.#at;
    if (this.#sees('\\')) {
      const escaped = this.#escapedClass();
      if (escaped !== undefined) return escaped;
    }
    const low = this.#classCode();
    if (!this.#sees('-') || this.#text[this.#at + 1] === ']' || this.#at + 1 >= this.#text.length)
      return single(low);
    this.#at++;
    const high = this.#classCode();
    if (high < low) throw new PatternError('invalid character class range', this.#text.slice(from, this.#at));
    return [[low, high]];
  }

  #classCode(): number {
    if (this.#sees('\\')) return this.#escapedCode();
    const code = this.#text.codePointAt(this.#at) ?? 0;
    this.#at += code > 0xffff ? 2 : 1;
    return code;
  }

  #sees(char: string): boolean {
    return this.#text[this.#at] === char;
  }

  #skip(char: string): boolean {
    if (!this.#sees(char)) return false;
    this.#at++;
    return true;
  }

  #take(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#text);
    if (found === null) return undefined;
    this.#at = expression.lastIndex;
    return found;
  }
}

function single(code: number): Ranges {
  return [[code, code]];
}
