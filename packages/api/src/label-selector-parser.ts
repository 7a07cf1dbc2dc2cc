/**
 * The text form of label selectors: `a=b`, `a==b`, `a!=b`, `a in (x,y)`, `a notin (x)`, `a`, `!a`, `a>1`, `a<1`,
 * joined by commas. Grammar, quirks and error texts are those of k8s.io/apimachinery/pkg/labels. Pure.
 */
import {
  checkedRequirement,
  everythingSelector,
  type LabelOperator,
  type LabelRequirement,
  labelKeyError,
  type ParsedLabelSelector,
  selectorOf,
} from './selectors.js';
import { newBadRequest, StatusError } from './status.js';

/** Reads a selector; the empty text selects everything. Throws a StatusError (400) that says what is wrong. */
export function parseLabelSelector(text: string): ParsedLabelSelector {
  const requirements = new Parser(tokenize(text)).parse();
  return requirements.length === 0 ? everythingSelector : selectorOf(requirements);
}

type TokenKind = 'end' | 'error' | 'identifier' | '(' | ')' | ',' | '!' | '=' | '==' | '!=' | '>' | '<';

interface Token {
  readonly kind: TokenKind;
  readonly text: string;
}

const special = new Set(['=', '!', '(', ')', ',', '>', '<']);
const symbols: ReadonlySet<string> = new Set(['(', ')', ',', '!', '=', '==', '!=', '>', '<']);
const space = new Set([' ', '\t', '\r', '\n']);

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (at < text.length) {
    const start = at;
    const char = text.charAt(at);
    if (space.has(char)) {
      at++;
    } else if (special.has(char)) {
      const symbol = longestSymbol(text, at);
      at += symbol.length;
      tokens.push({ kind: symbol as TokenKind, text: symbol }); // every symbol is a kind
    } else {
      while (at < text.length && !special.has(text.charAt(at)) && !space.has(text.charAt(at))) at++;
      tokens.push({ kind: 'identifier', text: text.slice(start, at) });
    }
  }
  tokens.push({ kind: 'end', text: '' });
  return tokens;
}

function longestSymbol(text: string, at: number): string {
  const two = text.slice(at, at + 2);
  return symbols.has(two) ? two : text.charAt(at);
}

const binaryOperators: ReadonlyMap<string, LabelOperator> = new Map([
  ['in', 'in'],
  ['notin', 'notin'],
  ['=', '='],
  ['==', '=='],
  ['!=', '!='],
  ['>', 'gt'],
  ['<', 'lt'],
]);

const endToken: Token = { kind: 'end', text: '' };

function fail(found: Token, expected: string): never {
  throw newBadRequest(`found '${found.text}', expected: ${expected}`);
}

class Parser {
  readonly #tokens: readonly Token[];
  #at = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  parse(): LabelRequirement[] {
    const requirements: LabelRequirement[] = [];
    for (;;) {
      const token = this.#peek();
      if (token.kind === 'end') return requirements;
      if (token.kind !== 'identifier' && token.kind !== '!') {
        fail(token, "!, identifier, or 'end of string'");
      }
      requirements.push(this.#wrapped());
      const next = this.#next();
      if (next.kind === 'end') return requirements;
      if (next.kind !== ',') fail(next, "',' or 'end of string'");
      const after = this.#peek();
      if (after.kind !== 'identifier' && after.kind !== '!') fail(after, "identifier after ','");
    }
  }

  #peek(): Token {
    return this.#tokens[this.#at] ?? endToken;
  }

  #next(): Token {
    return this.#tokens[this.#at++] ?? endToken;
  }

  #wrapped(): LabelRequirement {
    try {
      return this.#requirement();
    } catch (error) {
      if (!(error instanceof StatusError)) throw error;
      throw newBadRequest(`unable to parse requirement: ${error.message}`, { cause: error });
    }
  }

  #requirement(): LabelRequirement {
    let token = this.#next();
    const negated = token.kind === '!';
    if (negated) token = this.#next();
    if (token.kind !== 'identifier') fail(token, 'identifier');
    const key = token.text;
    const keyError = labelKeyError(key, '<nil>');
    if (keyError) throw newBadRequest(`${keyError.field}: ${keyError.message}`);
    if (negated) return checkedRequirement({ key, operator: '!', values: [] });
    const following = this.#peek().kind;
    if (following === 'end' || following === ',') {
      return checkedRequirement({ key, operator: 'exists', values: [] });
    }
    const operator = this.#operator();
    const values = operator === 'in' || operator === 'notin' ? this.#values() : [this.#exactValue()];
    return checkedRequirement({ key, operator, values });
  }

  #operator(): LabelOperator {
    const token = this.#next();
    return binaryOperators.get(token.text) ?? fail(token, 'in, notin, =, ==, !=, gt, lt');
  }

  #exactValue(): string {
    const { kind } = this.#peek();
    if (kind === 'end' || kind === ',') return '';
    const token = this.#next();
    return token.kind === 'identifier' ? token.text : fail(token, 'identifier');
  }

  /** `(x, y)`; `()`, `(,x)`, `(x,)` and `(x,,y)` contain the empty value. */
  #values(): string[] {
    const open = this.#next();
    if (open.kind !== '(') throw newBadRequest(`found '${open.text}' expected: '('`);
    const first = this.#peek();
    if (first.kind === ')') {
      this.#next();
      return [''];
    }
    if (first.kind !== 'identifier' && first.kind !== ',') fail(first, "',', ')' or identifier");
    const values = this.#valueList();
    this.#next(); // the closing parenthesis: the list ends nowhere else
    return values;
  }

  #valueList(): string[] {
    const values = new Set<string>();
    for (;;) {
      const token = this.#next();
      if (token.kind === 'identifier') {
        values.add(token.text);
        const { kind } = this.#peek();
        if (kind === ')') break;
        if (kind !== ',') fail(this.#peek(), "',' or ')'");
      } else if (token.kind === ',') {
        if (values.size === 0) values.add('');
        const { kind } = this.#peek();
        if (kind === ')' || kind === ',') values.add('');
        if (kind === ')') break;
        if (kind === ',') this.#next();
      } else {
        fail(token, "',', or identifier");
      }
    }
    return [...values].sort();
  }
}
