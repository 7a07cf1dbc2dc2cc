/**
 * `completion bash|zsh|fish` and the hidden `__complete` that the scripts call at each press of TAB. The scripts only
 * hand over the line and show the answer.
 */
import { type Command, CommanderError } from 'commander';
import { addCommand } from './command-frame.js';
import { type Completions, complete, type NameLookup, splitLine } from './completion.js';

const shells = ['bash', 'zsh', 'fish'] as const;
type Shell = (typeof shells)[number];

/** In place of a candidate: the shell is to offer files. */
const filesMark = ':files';
const hiddenCommand = '__complete';

/** Adds the command `completion`. */
export function addCompletionCommand(program: Command, print: (text: string) => void): void {
  const name = program.name();
  const command = addCommand(program, 'completion <shell>', {
    description: 'print the completion script of a shell: bash, zsh or fish',
    examples: [
      `source <(${name} completion bash)`,
      `${name} completion zsh > "\${fpath[1]}/_${name}"`,
      `${name} completion fish > ~/.config/fish/completions/${name}.fish`,
    ],
  }).action((shell: Shell) => print(scripts[shell](name)));
  command.registeredArguments[0]?.choices(shells);
}

/** Whether the command line is a shell's question; it is answered without being parsed. */
export function isCompletionRequest(argv: readonly string[]): boolean {
  return argv[2] === hiddenCommand;
}

/**
 * Answers `__complete SHELL LINE`, or `__complete kubectl WORD...` as kubectl asks a plugin. What goes wrong while
 * names are looked up leaves the names out: nobody wants an error in the middle of the line.
 */
export async function answerCompletion(
  program: Command,
  argv: readonly string[],
  lookup: NameLookup,
): Promise<string> {
  const [shell = '', ...rest] = argv.slice(3);
  const quiet: NameLookup = (place) => lookup(place).catch(() => []);
  if (shell === 'kubectl') return kubectlAnswer(await complete(program, rest, quiet));
  if (!(shells as readonly string[]).includes(shell))
    throw new CommanderError(2, 'completion', `no such shell: ${shell}`);
  const words = splitLine(rest[0] ?? '').slice(1);
  const { candidates, files } = await complete(program, words, quiet);
  if (files) return filesMark;
  const typed = words.at(-1) ?? '';
  // For bash the `=` ends a word: it wants only what follows.
  const cut = shell === 'bash' && typed.startsWith('--') ? typed.indexOf('=') + 1 : 0;
  return candidates
    .map(({ value, description }) => `${value.slice(cut)}\t${firstLine(description)}`)
    .join('\n');
}

function firstLine(text: string): string {
  return text.split('\n')[0] ?? '';
}

/** Candidates, then kubectl's directive: 4 offers no files. */
function kubectlAnswer({ candidates, files }: Completions): string {
  const lines = candidates.map(({ value, description }) => `${value}\t${firstLine(description)}`);
  return [...lines, files ? ':0' : ':4'].join('\n');
}

const scripts: Readonly<Record<Shell, (name: string) => string>> = {
  bash: (name) => `# bash completion for ${name}; load it with: source <(${name} completion bash)
_${name}_complete() {
  local value description
  COMPREPLY=()
  while IFS=$'\\t' read -r value description; do
    if [[ $value == ${filesMark} ]]; then
      compopt -o default 2>/dev/null
      return
    fi
    [[ -n $value ]] && COMPREPLY+=("$value")
  done < <(${name} ${hiddenCommand} bash "\${COMP_LINE:0:COMP_POINT}" 2>/dev/null)
}
complete -F _${name}_complete ${name}`,
  zsh: (name) => `#compdef ${name}
# zsh completion for ${name}; put it into a folder of $fpath as _${name}
_${name}() {
  local value description
  local -a candidates
  while IFS=$'\\t' read -r value description; do
    if [[ $value == ${filesMark} ]]; then
      _files
      return
    fi
    [[ -n $value ]] && candidates+=("\${value//:/\\\\:}:$description")
  done < <(${name} ${hiddenCommand} zsh "$LBUFFER" 2>/dev/null)
  _describe ${name} candidates
}
if [[ $funcstack[1] == _${name} ]]; then
  _${name} "$@"
else
  compdef _${name} ${name}
fi`,
  fish: (name) => `# fish completion for ${name}
function __${name}_complete
  set -l answer (${name} ${hiddenCommand} fish (commandline -cp | string collect) 2>/dev/null)
  if test "$answer" = '${filesMark}'
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $answer
  end
end
complete -c ${name} -f -a '(__${name}_complete)'`,
};
