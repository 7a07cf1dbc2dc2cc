/** `test` and `[`: the comparisons that people write in containers' scripts. */
import { resolvePath } from '../file-system.js';
import type { CommandFunction, Process } from './process.js';

export const testExpression: CommandFunction = async (words, process) => {
  const parts = words.slice(1);
  if (words[0] === '[') {
    if (parts.pop() !== ']') {
      await process.stderr.write('sh: [: missing ]\n');
      return 2;
    }
  }
  const isNegated = parts[0] === '!';
  const result = holds(isNegated ? parts.slice(1) : parts, process);
  if (result === undefined) {
    await process.stderr.write('sh: test: unknown operand\n');
    return 2;
  }
  return result === isNegated ? 1 : 0;
};

function holds(parts: readonly string[], process: Process): boolean | undefined {
  const [first = '', second = '', third = ''] = parts;
  if (parts.length === 0) return false;
  if (parts.length === 1) return first !== '';
  if (parts.length === 2) return unary(first, second, process);
  if (parts.length > 3) return undefined;
  const [left, right] = [Number(first), Number(third)];
  switch (second) {
    case '=':
    case '==':
      return first === third;
    case '!=':
      return first !== third;
    case '-eq':
      return left === right;
    case '-ne':
      return left !== right;
    case '-lt':
      return left < right;
    case '-le':
      return left <= right;
    case '-gt':
      return left > right;
    case '-ge':
      return left >= right;
    default:
      return undefined;
  }
}

function unary(operator: string, operand: string, { files, state, terminal }: Process): boolean | undefined {
  const path = resolvePath(state.folder, operand);
  switch (operator) {
    case '-n':
      return operand !== '';
    case '-z':
      return operand === '';
    case '-t':
      return terminal.isTerminal;
    case '-d':
      return files.list(path) !== undefined;
    case '-e':
      return files.list(path) !== undefined || files.has(path);
    case '-f':
    case '-r':
      return files.has(path);
    case '-s':
      return files.has(path) && files.read(path).length > 0;
    default:
      return undefined;
  }
}
