/**
 * Where a regular expression matches: leftmost, and among those the one a backtracking engine would take, as in RE2
 * and Go. It backtracks, but visits each instruction at each position once, so the work is bounded by the product of
 * both. Called by pattern.ts for the `find` functions of CEL.
 */
import { asserts, type PatternProgram } from './pattern-program.js';

/** Instructions times positions; beyond it a search would take seconds. */
const maxVisits = 5_000_000;

/** The texts of the leftmost matches that do not overlap. @throws Error for a text too long for the expression. */
export function searchAll(program: PatternProgram, text: string, limit: number): string[] {
  const chars = [...text];
  if (program.instructions.length * (chars.length + 1) > maxVisits) {
    throw new Error('the text is too long for this regular expression');
  }
  const inputs = chars.map((char) => program.classOf(char.codePointAt(0) ?? 0));
  const found: string[] = [];
  for (let from = 0; from <= chars.length && found.length < limit; ) {
    const match = search(program, inputs, from);
    if (match === undefined) break;
    found.push(chars.slice(match.start, match.end).join(''));
    from = match.end > match.start ? match.end : match.end + 1;
  }
  return found;
}

interface Match {
  readonly start: number;
  readonly end: number;
}

function search(program: PatternProgram, inputs: readonly number[], from: number): Match | undefined {
  const { instructions, entry, bounds } = program;
  const edge = bounds.length;
  const width = inputs.length + 1;
  const visited = new Uint8Array(instructions.length * width);
  for (let start = from; start < width; start++) {
    const stack: number[] = [entry * width + start];
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      if (visited[top] === 1) continue;
      visited[top] = 1;
      const position = top % width;
      const instruction = instructions[(top - position) / width];
      if (instruction === undefined) continue;
      if (instruction.op === 'match') return { start, end: position };
      if (instruction.op === 'split') {
        for (const next of instruction.next.toReversed()) stack.push(next * width + position);
      } else if (instruction.op === 'assert') {
        const before = program.sideOf(inputs[position - 1] ?? edge);
        const after = program.sideOf(inputs[position] ?? edge);
        if (asserts(instruction.assertion, before, after)) stack.push(instruction.next * width + position);
      } else {
        const input = inputs[position];
        if (input !== undefined && instruction.classes[input] === true) {
          stack.push(instruction.next * width + position + 1);
        }
      }
    }
  }
  return undefined;
}
