/** The shells: `sh -c text`, and without `-c` one that reads commands from its input, with a prompt on a terminal. */
import { linesOf } from '../byte-io.js';
import type { CommandFunction } from './process.js';
import { Shell, type ShellOptions } from './shell.js';

/** The program `sh`, which finds other programs by `commandNamed`. */
export function createShellCommand(commandNamed: ShellOptions['commandNamed']): CommandFunction {
  return async (words, process) => {
    const [name = 'sh', ...args] = words;
    const own = { ...process, variables: new Map(process.variables), state: { ...process.state } };
    const flags = args.findIndex((word) => /^-[a-z]*c[a-z]*$/.test(word));
    if (flags >= 0) {
      const [text = '', ...parameters] = args.slice(flags + 1);
      return new Shell(own, { parameters: parameters.length > 0 ? parameters : [name], commandNamed }).run(
        text,
      );
    }
    const shell = new Shell(own, { parameters: [name], commandNamed });
    const prompt = process.terminal.isTerminal ? '/ # ' : '';
    let code = 0;
    await process.stdout.write(prompt);
    for await (const line of linesOf(process.stdin)) {
      const result = await shell.interpret(line);
      code = result.code;
      if (result.exited) return code;
      await process.stdout.write(prompt);
    }
    return code;
  };
}
