/**
 * Reads the paths of jq: fields, keys, indexes, `[]`, `..`, `?`, `//`, pipes, commas, `if`, and in conditions also
 * comparisons, `and`, `or` and functions of values. What changes values or has no meaning in a path (assignment,
 * arithmetic, `reduce`, variables, `env`) is refused by its name. Unlike in jq a value of the wrong type is no error:
 * nothing is found in it, as if a `?` stood behind. Pure.
 */
import { type Filter, jqFunctions } from './jq-functions.js';
import { JqPathError, type JqToken, readString, tokenizeJq } from './jq-tokens.js';
import { childOf, childrenOf, compareJq, type Found, isTruthy } from './jq-values.js';

/** @throws JqPathError */
export function parseJq(expression: string): Filter {
  return new JqParser(tokenizeJq(expression)).parse();
}

/** As deep as an expression may nest. */
const maxDepth = 64;

/** Words of jq that no path needs. */
const refused = new Set(
  [
    'reduce',
    'foreach',
    'def',
    'import',
    'include',
    'try',
    'catch',
    'label',
    'env',
    'input',
    'inputs',
    'as',
  ].concat([
    'limit',
    'until',
    'while',
    'repeat',
    'getpath',
    'setpath',
    'delpaths',
    'del',
    'paths',
    'to_entries',
  ]),
);

const comparisons: Readonly<Record<string, (order: number) => boolean>> = {
  '==': (order) => order === 0,
  '!=': (order) => order !== 0,
  '<': (order) => order < 0,
  '<=': (order) => order <= 0,
  '>': (order) => order > 0,
  '>=': (order) => order >= 0,
};

const value = (found: unknown): Found => ({ value: found, place: undefined });
const identity: Filter = (input) => [input];

class JqParser {
  readonly #tokens: readonly JqToken[];
  #next = 0;
  #depth = 0;

  constructor(tokens: readonly JqToken[]) {
    this.#tokens = tokens;
  }

  parse(): Filter {
    if (this.#peek().type === 'end') throw new JqPathError('it is empty');
    const filter = this.#pipe();
    const rest = this.#peek();
    if (rest.type !== 'end') throw this.#unexpected(rest);
    return filter;
  }

  #pipe(): Filter {
    if (++this.#depth > maxDepth) throw new JqPathError('it nests too deeply');
    let left = this.#comma();
    while (this.#accept('|')) left = piped(left, this.#comma());
    this.#depth--;
    return left;
  }

  #comma(): Filter {
    let left = this.#alternative();
    while (this.#accept(',')) left = both(left, this.#alternative());
    return left;
  }

  #alternative(): Filter {
    const left = this.#or();
    return this.#accept('//') ? eitherOf(left, this.#alternative()) : left;
  }

  #or(): Filter {
    let left = this.#and();
    while (this.#acceptName('or')) left = logical(left, this.#and(), true);
    return left;
  }

  #and(): Filter {
    let left = this.#comparison();
    while (this.#acceptName('and')) left = logical(left, this.#comparison(), false);
    return left;
  }

  #comparison(): Filter {
    const left = this.#postfix();
    const compare = this.#peek().type === 'symbol' ? comparisons[this.#peek().text] : undefined;
    if (compare === undefined) return left;
    this.#take();
    const right = this.#postfix();
    return function* (input, spend) {
      for (const b of right(input, spend)) {
        for (const a of left(input, spend)) {
          spend();
          yield value(compare(compareJq(a.value, b.value)));
        }
      }
    };
  }

  #postfix(): Filter {
    let left = this.#primary();
    for (;;) {
      const token = this.#peek();
      if (token.type === 'field') left = piped(left, this.#field());
      else if (this.#accept('?')) continue;
      else if (this.#accept('[')) left = this.#brackets(left);
      else if (token.text === '.' && token.type === 'symbol') {
        this.#take();
        if (this.#peek().type === 'string') left = piped(left, byKey(readString(this.#take())));
        else if (this.#accept('[')) left = this.#brackets(left);
        else throw this.#unexpected(this.#peek());
      } else return left;
    }
  }

  #primary(): Filter {
    const token = this.#peek();
    if (token.type === 'field') return this.#field();
    this.#take();
    if (token.type === 'number') return () => [value(Number(token.text))];
    if (token.type === 'string') {
      const text = readString(token);
      return () => [value(text)];
    }
    if (token.type === 'name') return this.#named(token);
    switch (token.text) {
      case '..':
        return (jqFunctions.get('recurse/0') ?? (() => identity))();
      case '.':
        return this.#peek().type === 'string' ? byKey(readString(this.#take())) : identity;
      case '(': {
        const inner = this.#pipe();
        this.#expect(')');
        return inner;
      }
      case '[':
        return this.#list();
      case '-': {
        const number = this.#take();
        if (number.type !== 'number') throw this.#unexpected(number);
        return () => [value(-Number(number.text))];
      }
      default:
        throw this.#unexpected(token);
    }
  }

  #field(): Filter {
    return byKey(this.#take().text.slice(1));
  }

  /** After the opening bracket: `[]`, or a key or index that is itself a filter of the input. */
  #brackets(left: Filter): Filter {
    if (this.#accept(']')) return piped(left, (input) => childrenOf(input));
    const key = this.#pipe();
    if (this.#peek().text === ':') throw new JqPathError('slices are not supported in a path');
    this.#expect(']');
    return function* (input, spend) {
      for (const { value: wanted } of key(input, spend)) {
        for (const found of left(input, spend)) {
          spend();
          yield* childOf(found, wanted);
        }
      }
    };
  }

  #list(): Filter {
    if (this.#accept(']')) return () => [value([])];
    const items = this.#pipe();
    this.#expect(']');
    return (input, spend) => [value([...items(input, spend)].map((found) => found.value ?? null))];
  }

  #named({ text, at }: JqToken): Filter {
    if (text === 'if') return this.#condition();
    if (refused.has(text)) throw new JqPathError(`"${text}" at position ${at} is not supported in a path`);
    const args: Filter[] = [];
    if (this.#accept('(')) {
      do args.push(this.#pipe());
      while (this.#accept(';'));
      this.#expect(')');
    }
    const make = jqFunctions.get(`${text}/${args.length}`);
    if (make !== undefined) return make(...args);
    throw new JqPathError(`the function ${text}/${args.length} at position ${at} is not supported in a path`);
  }

  #condition(): Filter {
    const condition = this.#pipe();
    this.#expectName('then');
    const then = this.#pipe();
    let otherwise: Filter = identity;
    if (this.#acceptName('elif')) otherwise = this.#condition();
    else {
      if (this.#acceptName('else')) otherwise = this.#pipe();
      this.#expectName('end');
    }
    return function* (input, spend) {
      for (const found of condition(input, spend)) {
        yield* (isTruthy(found.value) ? then : otherwise)(input, spend);
      }
    };
  }

  #peek(): JqToken {
    return this.#tokens[this.#next] ?? { type: 'end', text: '', at: 0 };
  }

  #take(): JqToken {
    const token = this.#peek();
    this.#next++;
    return token;
  }

  #is(type: JqToken['type'], text: string): boolean {
    const token = this.#peek();
    return token.type === type && token.text === text;
  }

  #accept(text: string): boolean {
    const found = this.#is('symbol', text);
    if (found) this.#next++;
    return found;
  }

  #acceptName(text: string): boolean {
    const found = this.#is('name', text);
    if (found) this.#next++;
    return found;
  }

  #expect(text: string): void {
    if (!this.#accept(text)) throw this.#unexpected(this.#peek(), text);
  }

  #expectName(text: string): void {
    if (!this.#acceptName(text)) throw this.#unexpected(this.#peek(), text);
  }

  #unexpected({ type, text, at }: JqToken, wanted?: string): JqPathError {
    const what =
      type === 'end' ? 'it ends too early' : `${JSON.stringify(text)} at position ${at} is not expected`;
    return new JqPathError(wanted === undefined ? what : `${what}: "${wanted}" is missing`);
  }
}

function byKey(key: string): Filter {
  return (input) => childOf(input, key);
}

function piped(left: Filter, right: Filter): Filter {
  return function* (input, spend) {
    for (const found of left(input, spend)) {
      spend();
      yield* right(found, spend);
    }
  };
}

function both(left: Filter, right: Filter): Filter {
  return function* (input, spend) {
    yield* left(input, spend);
    yield* right(input, spend);
  };
}

/** `//`: what is there on the left, else the right. */
function eitherOf(left: Filter, right: Filter): Filter {
  return function* (input, spend) {
    const found = [...left(input, spend)].filter((each) => isTruthy(each.value));
    yield* found.length > 0 ? found : right(input, spend);
  };
}

function logical(left: Filter, right: Filter, decides: boolean): Filter {
  return function* (input, spend) {
    for (const a of left(input, spend)) {
      spend();
      if (isTruthy(a.value) === decides) yield value(decides);
      else for (const b of right(input, spend)) yield value(isTruthy(b.value));
    }
  };
}
