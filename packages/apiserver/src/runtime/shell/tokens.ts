/** Shell text as words and operators: quotes, expansions, comments. Called by `syntax.ts`. Pure. */
import { type List, type Piece, ShellSyntaxError, type Word } from './syntax-tree.js';

export type Token =
  | {
      readonly type: 'word';
      readonly word: Word /** Without quotes or expansions: may be a keyword. */;
      readonly plain: string | undefined;
    }
  | { readonly type: 'operator'; readonly text: string };

const operators = [
  '2>&1',
  '1>&2',
  '>&2',
  '&>',
  '2>>',
  '2>',
  '1>>',
  '1>',
  '>>',
  '>',
  '<',
  '&&',
  '||',
  '|',
  ';',
  '\n',
  '(',
  ')',
];

export function tokenize(text: string, nested: (text: string) => List): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const char = text[at] ?? '';
    if (char === ' ' || char === '\t' || char === '\r') {
      at++;
    } else if (char === '\\' && text[at + 1] === '\n') {
      at += 2;
    } else if (char === '#') {
      while (at < text.length && text[at] !== '\n') at++;
    } else {
      const operator = operators.find((one) => text.startsWith(one, at));
      if (operator !== undefined) {
        tokens.push({ type: 'operator', text: operator });
        at += operator.length;
      } else if (char === '&') {
        throw new ShellSyntaxError('syntax error: unexpected "&"');
      } else {
        const scanner = new WordScanner(text, at, nested);
        tokens.push(scanner.scan());
        at = scanner.at;
      }
    }
  }
  return tokens;
}

class WordScanner {
  readonly #text: string;
  readonly #nested: (text: string) => List;
  readonly #pieces: Piece[] = [];
  #plain: string | undefined = '';
  at: number;

  constructor(text: string, at: number, nested: (text: string) => List) {
    this.#text = text;
    this.at = at;
    this.#nested = nested;
  }

  scan(): Token {
    while (this.at < this.#text.length && !/[\s;|&<>()]/.test(this.#text[this.at] ?? '')) this.#one(false);
    return { type: 'word', word: this.#pieces, plain: this.#plain };
  }

  #one(isQuoted: boolean): void {
    const char = this.#text[this.at] ?? '';
    if (char === '\\') {
      const next = this.#text[this.at + 1] ?? '';
      const isLiteral = isQuoted && !['"', '\\', '$', '`'].includes(next);
      this.#add(isLiteral ? `\\${next}` : next);
      this.at += 2;
      this.#plain = undefined;
    } else if (char === '$' || char === '`') {
      this.#expansion(isQuoted);
      this.#plain = undefined;
    } else if (!isQuoted && char === "'") {
      const end = this.#find("'", this.at + 1);
      this.#add(this.#text.slice(this.at + 1, end));
      this.at = end + 1;
      this.#plain = undefined;
    } else if (!isQuoted && char === '"') {
      this.#add('');
      this.at++;
      while (this.#text[this.at] !== '"') {
        if (this.at >= this.#text.length)
          throw new ShellSyntaxError('syntax error: unterminated quoted string');
        this.#one(true);
      }
      this.at++;
      this.#plain = undefined;
    } else {
      this.#add(char);
      if (this.#plain !== undefined) this.#plain += char;
      this.at++;
    }
  }

  #expansion(isQuoted: boolean): void {
    const rest = this.#text.slice(this.at);
    if (rest.startsWith('`')) {
      const end = this.#find('`', this.at + 1);
      this.#command(this.#text.slice(this.at + 1, end), isQuoted);
      this.at = end + 1;
      return;
    }
    if (rest.startsWith('$(')) {
      const end = this.#closing(this.at + 1);
      this.#command(this.#text.slice(this.at + 2, end), isQuoted);
      this.at = end + 1;
      return;
    }
    const braced = /^\$\{([A-Za-z_][A-Za-z0-9_]*|[?#@*0-9])(?::?-([^}]*))?\}/.exec(rest);
    const plain = /^\$([A-Za-z_][A-Za-z0-9_]*|[?#@*0-9$])/.exec(rest);
    const found = braced ?? plain;
    if (found === null) {
      if (rest.startsWith('${')) throw new ShellSyntaxError('syntax error: bad substitution');
      this.#add('$');
      this.at++;
      return;
    }
    this.#pieces.push({ type: 'variable', name: found[1] ?? '', fallback: found[2] ?? '', isQuoted });
    this.at += found[0].length;
  }

  #command(text: string, isQuoted: boolean): void {
    this.#pieces.push({ type: 'command', body: this.#nested(text), isQuoted });
  }

  #add(text: string): void {
    const last = this.#pieces.at(-1);
    if (last?.type === 'text')
      this.#pieces[this.#pieces.length - 1] = { type: 'text', text: last.text + text };
    else this.#pieces.push({ type: 'text', text });
  }

  #find(char: string, from: number): number {
    const found = this.#text.indexOf(char, from);
    if (found < 0) throw new ShellSyntaxError('syntax error: unterminated quoted string');
    return found;
  }

  /** Of the bracket that opens there. */
  #closing(open: number): number {
    let level = 0;
    for (let at = open; at < this.#text.length; at++) {
      const char = this.#text[at];
      if (char === "'" || char === '"') at = this.#find(char, at + 1);
      else if (char === '(') level++;
      else if (char === ')' && --level === 0) return at;
    }
    throw new ShellSyntaxError('syntax error: unexpected end of file (expecting ")")');
  }
}
