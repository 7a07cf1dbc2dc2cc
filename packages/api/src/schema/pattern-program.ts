/**
 * Regular expressions as programs: instructions that continue at others, over classes of code points that no part of
 * the expression tells apart. The order of a split is its preference. Called by pattern.ts and pattern-search.ts.
 */
import type { Ranges } from './pattern-classes.js';
import { type Assertion, PatternError, type PatternNode, parsePattern } from './pattern-parser.js';

export type Instruction =
  | { readonly op: 'set'; readonly classes: readonly boolean[]; readonly next: number }
  | { readonly op: 'assert'; readonly assertion: Assertion; readonly next: number }
  | { readonly op: 'split'; readonly next: readonly number[] }
  | { readonly op: 'match' };

/** What stands on one side of a position. */
export type Side = 'edge' | 'word' | 'newline' | 'other';

const maxInstructions = 20_000;

/** A compiled expression. Instruction 0 is the match. */
export class PatternProgram {
  readonly instructions: Instruction[] = [{ op: 'match' }];
  /** Where the program begins. */
  readonly entry: number;
  /** The first code point of each class. */
  readonly bounds: readonly number[];
  readonly #sides: readonly Side[];
  readonly #ascii = new Uint16Array(128);
  /** By set, because a counted repetition emits the same set many times. */
  readonly #classes = new Map<Ranges, readonly boolean[]>();

  /** @throws PatternError */
  constructor(pattern: string) {
    const tree = parsePattern(pattern);
    this.bounds = classBounds(tree);
    this.#sides = this.bounds.map(sideOf);
    for (let code = 0; code < 128; code++) this.#ascii[code] = this.#search(code);
    this.entry = this.#emit(tree, 0);
    if (this.instructions.length > maxInstructions) throw new PatternError('expression too large', pattern);
  }

  /** The class of a code point: the last bound that is not above it. */
  classOf(code: number): number {
    return code < 128 ? (this.#ascii[code] ?? 0) : this.#search(code);
  }

  /** How a character of the class looks from beside it; past the last class is the end of the text. */
  sideOf(input: number): Side {
    return this.#sides[input] ?? 'edge';
  }

  #search(code: number): number {
    let low = 0;
    let high = this.bounds.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if ((this.bounds[middle] ?? 0) <= code) low = middle;
      else high = middle - 1;
    }
    return low;
  }

  /** Emits the node so that it continues at `next`, and returns where it begins. */
  #emit(node: PatternNode, next: number): number {
    if (this.instructions.length > maxInstructions) return next;
    switch (node.kind) {
      case 'empty':
        return next;
      case 'set':
        return this.#add({ op: 'set', classes: this.#classesOf(node.ranges), next });
      case 'assert':
        return this.#add({ op: 'assert', assertion: node.assertion, next });
      case 'sequence':
        return node.nodes.reduceRight((follow, each) => this.#emit(each, follow), next);
      case 'choice':
        return this.#add({ op: 'split', next: node.nodes.map((each) => this.#emit(each, next)) });
      case 'repeat':
        return this.#emitRepeat(node, next);
    }
  }

  #emitRepeat({ node, min, max, lazy }: PatternNode & { kind: 'repeat' }, next: number): number {
    let follow = next;
    if (max === Number.POSITIVE_INFINITY) {
      const loop = this.instructions.length;
      this.instructions.push({ op: 'split', next: [next] });
      const body = this.#emit(node, loop);
      this.instructions[loop] = { op: 'split', next: lazy ? [next, body] : [body, next] };
      follow = loop;
    } else {
      for (let i = min; i < max && this.instructions.length <= maxInstructions; i++) {
        const body = this.#emit(node, follow);
        follow = this.#add({ op: 'split', next: lazy ? [next, body] : [body, next] });
      }
    }
    for (let i = 0; i < min && this.instructions.length <= maxInstructions; i++)
      follow = this.#emit(node, follow);
    return follow;
  }

  #add(instruction: Instruction): number {
    this.instructions.push(instruction);
    return this.instructions.length - 1;
  }

  #classesOf(ranges: Ranges): readonly boolean[] {
    let classes = this.#classes.get(ranges);
    if (classes === undefined) {
      classes = this.bounds.map((bound) => ranges.some(([low, high]) => low <= bound && bound <= high));
      this.#classes.set(ranges, classes);
    }
    return classes;
  }
}

/** Whether the assertion holds between the two sides. */
export function asserts(assertion: Assertion, before: Side, after: Side): boolean {
  switch (assertion) {
    case 'textStart':
      return before === 'edge';
    case 'textEnd':
      return after === 'edge';
    case 'lineStart':
      return before === 'edge' || before === 'newline';
    case 'lineEnd':
      return after === 'edge' || after === 'newline';
    case 'wordBoundary':
      return (before === 'word') !== (after === 'word');
    case 'noWordBoundary':
      return (before === 'word') === (after === 'word');
  }
}

/** Where classes of code points begin: within one class, no part of the expression tells two code points apart. */
function classBounds(tree: PatternNode): readonly number[] {
  const bounds = new Set([0, 10, 11, 48, 58, 65, 91, 95, 96, 97, 123]);
  const visit = (node: PatternNode): void => {
    if (node.kind === 'set') {
      for (const [low, high] of node.ranges) {
        bounds.add(low);
        if (high < 0x10ffff) bounds.add(high + 1);
      }
    } else if (node.kind === 'repeat') {
      visit(node.node);
    } else if (node.kind === 'sequence' || node.kind === 'choice') {
      for (const each of node.nodes) visit(each);
    }
  };
  visit(tree);
  return [...bounds].sort((a, b) => a - b);
}

function sideOf(code: number): Side {
  if (code === 10) return 'newline';
  return /\w/.test(String.fromCodePoint(code)) ? 'word' : 'other';
}
