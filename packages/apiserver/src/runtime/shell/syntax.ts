/**
 * The part of the shell language that simulated containers understand: lists, `&&`, `||`, `!`, pipes, redirections,
 * `if`, `while`, `until`, `for`, groups, variables, command substitution, quotes. Text in, tree out. Pure.
 */
import {
  type Assignment,
  type Command,
  type List,
  type Pipeline,
  type Redirection,
  ShellSyntaxError,
  type Statement,
  type Word,
} from './syntax-tree.js';
import { type Token, tokenize } from './tokens.js';

const maxDepth = 32;

/** @throws ShellSyntaxError naming what was not expected. */
export function parseShell(text: string, depth = 0): List {
  if (depth > maxDepth) throw new ShellSyntaxError('syntax error: nested too deeply');
  return new Parser(
    tokenize(text, (inner) => parseShell(inner, depth + 1)),
    depth,
  ).all();
}

const separators = new Set([';', '\n']);

class Parser {
  readonly #tokens: readonly Token[];
  #depth: number;
  #at = 0;

  constructor(tokens: readonly Token[], depth: number) {
    this.#tokens = tokens;
    this.#depth = depth;
  }

  all(): List {
    const list = this.#list(new Set());
    if (this.#at < this.#tokens.length) throw this.#unexpected();
    return list;
  }

  #list(ends: ReadonlySet<string>): List {
    if (++this.#depth > maxDepth) throw new ShellSyntaxError('syntax error: nested too deeply');
    const statements: Statement[] = [];
    for (;;) {
      while (separators.has(this.#operator())) this.#at++;
      const keyword = this.#keyword();
      if (this.#at >= this.#tokens.length || ends.has(keyword) || ends.has(this.#operator())) break;
      statements.push(this.#statement());
      if (!separators.has(this.#operator())) break;
    }
    this.#depth--;
    return statements;
  }

  #statement(): Statement {
    const first = this.#pipeline();
    const rest: { operator: '&&' | '||'; pipeline: Pipeline }[] = [];
    for (
      let operator = this.#operator();
      operator === '&&' || operator === '||';
      operator = this.#operator()
    ) {
      this.#at++;
      while (this.#operator() === '\n') this.#at++;
      rest.push({ operator, pipeline: this.#pipeline() });
    }
    return { first, rest };
  }

  #pipeline(): Pipeline {
    const isNegated = this.#keyword() === '!';
    if (isNegated) this.#at++;
    const commands = [this.#redirected()];
    while (this.#operator() === '|') {
      this.#at++;
      commands.push(this.#redirected());
    }
    return { isNegated, commands };
  }

  /** A compound command may be redirected as a whole. */
  #redirected(): Command {
    const command = this.#command();
    const redirections: Redirection[] = [];
    for (let operator = this.#operator(); /[<>]/.test(operator); operator = this.#operator()) {
      this.#at++;
      redirections.push(this.#redirection(operator));
    }
    return redirections.length === 0 ? command : { type: 'redirected', command, redirections };
  }

  #command(): Command {
    const keyword = this.#keyword();
    if (keyword === 'while' || keyword === 'until') {
      this.#at++;
      const condition = this.#list(new Set(['do']));
      this.#expect('do');
      return { type: 'loop', condition, until: keyword === 'until', body: this.#upTo('done') };
    }
    if (keyword === 'for') return this.#for();
    if (keyword === 'if') return this.#if();
    if (keyword === '{') {
      this.#at++;
      return { type: 'group', body: this.#upTo('}') };
    }
    if (this.#operator() === '(') {
      this.#at++;
      const body = this.#list(new Set([')']));
      if (this.#operator() !== ')') throw this.#unexpected();
      this.#at++;
      return { type: 'subshell', body };
    }
    return this.#simple();
  }

  #for(): Command {
    this.#at++;
    const name = this.#keyword();
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw this.#unexpected();
    this.#at++;
    this.#expect('in');
    const words: Word[] = [];
    for (let token = this.#tokens[this.#at]; token?.type === 'word'; token = this.#tokens[this.#at]) {
      words.push(token.word);
      this.#at++;
    }
    while (separators.has(this.#operator())) this.#at++;
    this.#expect('do');
    return { type: 'for', name, words, body: this.#upTo('done') };
  }

  #if(): Command {
    const branches: { condition: List; body: List }[] = [];
    let otherwise: List = [];
    const ends = new Set(['elif', 'else', 'fi']);
    for (let keyword = 'if'; keyword !== 'fi'; keyword = this.#keyword()) {
      this.#at++;
      if (keyword === 'else') {
        otherwise = this.#list(new Set(['fi']));
        break;
      }
      if (keyword !== 'if' && keyword !== 'elif') throw this.#unexpected();
      const condition = this.#list(new Set(['then']));
      this.#expect('then');
      branches.push({ condition, body: this.#list(ends) });
    }
    this.#expect('fi');
    return { type: 'if', branches, otherwise };
  }

  #upTo(end: string): List {
    const body = this.#list(new Set([end]));
    this.#expect(end);
    return body;
  }

  #simple(): Command {
    const assignments: Assignment[] = [];
    const words: Word[] = [];
    const redirections: Redirection[] = [];
    for (;;) {
      const token = this.#tokens[this.#at];
      if (token?.type === 'word') {
        const assignment = words.length === 0 ? assignmentOf(token.word) : undefined;
        if (assignment === undefined) words.push(token.word);
        else assignments.push(assignment);
        this.#at++;
      } else if (token?.type === 'operator' && /[<>]/.test(token.text)) {
        this.#at++;
        redirections.push(this.#redirection(token.text));
      } else break;
    }
    if (words.length + assignments.length + redirections.length === 0) throw this.#unexpected();
    return { type: 'simple', assignments, words, redirections };
  }

  #redirection(operator: string): Redirection {
    const fixed = duplicates[operator];
    if (fixed !== undefined) return fixed;
    const token = this.#tokens[this.#at];
    if (token?.type !== 'word') throw this.#unexpected();
    this.#at++;
    const from = operator === '<' ? 0 : operator === '&>' ? 'both' : operator.startsWith('2') ? 2 : 1;
    const mode = operator === '<' ? 'read' : operator.endsWith('>>') ? 'append' : 'write';
    return { from, mode, target: token.word };
  }

  #operator(): string {
    const token = this.#tokens[this.#at];
    return token?.type === 'operator' ? token.text : '';
  }

  #keyword(): string {
    const token = this.#tokens[this.#at];
    return token?.type === 'word' ? (token.plain ?? '') : '';
  }

  #expect(keyword: string): void {
    if (this.#keyword() !== keyword) throw this.#unexpected();
    this.#at++;
  }

  #unexpected(): ShellSyntaxError {
    const token = this.#tokens[this.#at];
    if (token === undefined) return new ShellSyntaxError('syntax error: unexpected end of file');
    const text = token.type === 'operator' ? token.text : (token.plain ?? 'word');
    return new ShellSyntaxError(`syntax error: unexpected ${JSON.stringify(text)}`);
  }
}

const duplicates: Readonly<Record<string, Redirection>> = {
  '2>&1': { from: 2, mode: 'duplicate', target: [{ type: 'text', text: '1' }] },
  '>&2': { from: 1, mode: 'duplicate', target: [{ type: 'text', text: '2' }] },
  '1>&2': { from: 1, mode: 'duplicate', target: [{ type: 'text', text: '2' }] },
};

function assignmentOf(word: Word): Assignment | undefined {
  const [first, ...rest] = word;
  if (first?.type !== 'text') return undefined;
  const match = /^([A-Za-z_][A-Za-z0-9_]*)=([\s\S]*)$/.exec(first.text);
  if (match === null) return undefined;
  return { name: match[1] ?? '', value: [{ type: 'text', text: match[2] ?? '' }, ...rest] };
}
