/**
 * Regular expressions in RE2 syntax that run in time linear in the text, whatever the expression: patterns come from
 * users' CRDs, and a backtracking engine could be made to hang by one of them. Whether a text matches
 * somewhere is told by an automaton that is built while texts are read and kept with the compiled pattern, within a bound.
 * Called by the validator, CRD admission and the CEL library.
 */
import { PatternError } from './pattern-parser.js';
import { asserts, PatternProgram, type Side } from './pattern-program.js';
import { searchAll } from './pattern-search.js';

/** A compiled expression. */
export interface Pattern {
  /** True when the expression matches anywhere in the text. */
  test(text: string): boolean;
  /** The leftmost matches that do not overlap, at most `limit`. @throws Error for a text too long to search. */
  findAll(text: string, limit: number): string[];
}

/** Enough for every pattern of a few hundred CRDs; the oldest goes first. */
const maxCached = 2000;
/** A state is a few hundred bytes; past this the automaton starts afresh. */
const maxStates = 2000;

const cache = new Map<string, Pattern>();

/** The compiled expression, from the cache where possible. @throws PatternError */
export function compilePattern(pattern: string): Pattern {
  let compiled = cache.get(pattern);
  if (compiled === undefined) {
    compiled = new Automaton(pattern);
    if (cache.size >= maxCached) {
      const oldest = cache.keys().next().value;
      if (oldest !== undefined) cache.delete(oldest);
    }
    cache.set(pattern, compiled);
  }
  return compiled;
}

/** Why the text is no RE2 expression, or undefined when it is one. */
export function patternProblem(pattern: string): string | undefined {
  try {
    compilePattern(pattern);
    return undefined;
  } catch (error) {
    if (error instanceof PatternError) return error.message;
    throw error;
  }
}

interface State {
  /** Instructions to continue at; assertions in them are decided when the next character is known. */
  readonly threads: readonly number[];
  readonly before: Side;
  /** By character class, the end of the text last: the next state, or whether the text matches. */
  readonly next: (State | boolean | undefined)[];
}

class Automaton implements Pattern {
  readonly #program: PatternProgram;
  readonly #states = new Map<string, State>();
  #start: State;

  constructor(pattern: string) {
    this.#program = new PatternProgram(pattern);
    this.#start = { threads: [this.#program.entry], before: 'edge', next: [] };
  }

  test(text: string): boolean {
    const program = this.#program;
    let state = this.#start;
    for (let i = 0; i < text.length; i++) {
      let code = text.charCodeAt(i);
      if (code >= 0xd800 && code <= 0xdbff) {
        code = text.codePointAt(i) ?? code;
        if (code > 0xffff) i++;
      }
      const input = program.classOf(code);
      const next = state.next[input] ?? this.#step(state, input);
      if (typeof next === 'boolean') return next;
      state = next;
    }
    const end = program.bounds.length;
    return (state.next[end] ?? this.#step(state, end)) === true;
  }

  findAll(text: string, limit: number): string[] {
    return searchAll(this.#program, text, limit);
  }

  #step(state: State, input: number): State | boolean {
    const next = this.#advance(state, input);
    state.next[input] = next;
    return next;
  }

  #advance(state: State, input: number): State | boolean {
    const { instructions, entry, bounds } = this.#program;
    const after = this.#program.sideOf(input);
    const reached = new Set<number>();
    const pending = [...state.threads];
    const threads = new Set<number>();
    for (let at = pending.pop(); at !== undefined; at = pending.pop()) {
      const instruction = instructions[at];
      if (instruction === undefined || reached.has(at)) continue;
      reached.add(at);
      if (instruction.op === 'match') return true;
      if (instruction.op === 'split') pending.push(...instruction.next);
      else if (instruction.op === 'set') {
        if (instruction.classes[input] === true) threads.add(instruction.next);
      } else if (asserts(instruction.assertion, state.before, after)) {
        pending.push(instruction.next);
      }
    }
    if (input === bounds.length) return false;
    threads.add(entry); // a match may begin at any position
    return this.#state(
      [...threads].sort((a, b) => a - b),
      after,
    );
  }

  #state(threads: readonly number[], before: Side): State {
    const key = `${before} ${threads.join(' ')}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      if (this.#states.size >= maxStates) {
        this.#states.clear();
        this.#start = { threads: [this.#program.entry], before: 'edge', next: [] };
      }
      state = { threads, before, next: [] };
      this.#states.set(key, state);
    }
    return state;
  }
}
