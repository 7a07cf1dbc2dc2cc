/** The programs that a simulated container has. Each does what its namesake does for the options people use most. */
import { createHash } from 'node:crypto';
import { linesOf } from '../byte-io.js';
import { FileError, resolvePath } from '../file-system.js';
import type { CommandFunction, Process } from './process.js';
import { createShellCommand } from './sh.js';
import { testExpression } from './test-expression.js';

export function commandNamed(name: string): CommandFunction | undefined {
  const base = /^\/(usr\/)?(local\/)?s?bin\/([^/]+)$/.exec(name)?.[3] ?? name;
  return commands.get(base);
}

const runShellCommand = createShellCommand(commandNamed);

const kilobyte = 1024;
const maxTeeBytes = 8 * kilobyte * kilobyte;

const echo: CommandFunction = async ([, ...words], { stdout }) => {
  let newline = true;
  let escapes = false;
  while (/^-[neE]+$/.test(words[0] ?? '')) {
    const flags = words.shift() ?? '';
    if (flags.includes('n')) newline = false;
    if (flags.includes('e')) escapes = true;
  }
  const text = words.join(' ');
  await stdout.write((escapes ? withEscapes(text) : text) + (newline ? '\n' : ''));
  return 0;
};

const printf: CommandFunction = async ([, format = '', ...values], { stdout }) => {
  const rest = [...values];
  do {
    const text = withEscapes(format).replace(/%(?:0?\d*)([sdic%])/g, (_, kind: string) => {
      if (kind === '%') return '%';
      const value = rest.shift() ?? '';
      return kind === 's' || kind === 'c' ? value : String(Math.trunc(Number(value)) || 0);
    });
    await stdout.write(text);
  } while (rest.length > 0 && rest.length < values.length && /%[sdic]/.test(format));
  return 0;
};

function withEscapes(text: string): string {
  const letters: Readonly<Record<string, string>> = { n: '\n', t: '\t', r: '\r', '\\': '\\', e: '\x1b' };
  return text.replace(/\\([ntre\\]|0[0-7]{1,3}|x[0-9a-fA-F]{2})/g, (_, code: string) => {
    if (code.startsWith('0')) return String.fromCharCode(Number.parseInt(code, 8));
    if (code.startsWith('x')) return String.fromCharCode(Number.parseInt(code.slice(1), 16));
    return letters[code] ?? code;
  });
}

/** The content of the named files, or of the standard input; calls `use` for each piece. */
async function readInputs(
  words: readonly string[],
  process: Process,
  use: (chunk: Uint8Array) => Promise<void> | void,
): Promise<number> {
  const [name = '', ...args] = words;
  const paths = args.filter((word) => word === '-' || !word.startsWith('-'));
  let code = 0;
  for (const path of paths.length === 0 ? ['-'] : paths) {
    if (path === '-') {
      for (let chunk = await process.stdin.read(); chunk !== undefined; chunk = await process.stdin.read()) {
        process.signal.throwIfAborted();
        await use(chunk);
      }
      continue;
    }
    try {
      await use(process.files.read(resolvePath(process.state.folder, path)));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.stderr.write(`${name}: can't open '${path}': ${error.message}\n`);
      code = 1;
    }
  }
  return code;
}

const cat: CommandFunction = (words, process) =>
  readInputs(words, process, (chunk) => process.stdout.write(chunk));

const tee: CommandFunction = async (words, process) => {
  const paths = words.slice(1).filter((word) => !word.startsWith('-'));
  const chunks: Uint8Array[] = [];
  let size = 0;
  const code = await readInputs(['tee'], process, async (chunk) => {
    // What is more than a container may write at all is refused in the end.
    if (paths.length > 0 && size <= maxTeeBytes) chunks.push(chunk);
    size += chunk.length;
    await process.stdout.write(chunk);
  });
  const content = Buffer.concat(chunks);
  for (const path of paths) {
    try {
      process.files.write(resolvePath(process.state.folder, path), content, { append: words.includes('-a') });
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.stderr.write(`tee: ${path}: ${error.message}\n`);
      return 1;
    }
  }
  return code;
};

const wc: CommandFunction = async (words, process) => {
  let [lines, texts, bytes] = [0, 0, 0];
  let isInWord = false;
  const code = await readInputs(words, process, (chunk) => {
    bytes += chunk.length;
    for (const byte of chunk) {
      if (byte === 10) lines++;
      const isSpace = byte === 32 || (byte >= 9 && byte <= 13);
      if (!isSpace && !isInWord) texts++;
      isInWord = !isSpace;
    }
  });
  const flags = words.filter((word) => word.startsWith('-')).join('');
  const all = { l: lines, w: texts, c: bytes };
  const chosen = Object.entries(all).filter(([flag]) => flags === '' || flags.includes(flag));
  await process.stdout.write(`${chosen.map(([, count]) => count).join(' ')}\n`);
  return code;
};

function checksum(algorithm: 'md5' | 'sha256'): CommandFunction {
  return async (words, process) => {
    const hash = createHash(algorithm);
    const code = await readInputs(words, process, (chunk) => void hash.update(chunk));
    const path = words.slice(1).find((word) => !word.startsWith('-')) ?? '-';
    await process.stdout.write(`${hash.digest('hex')}  ${path}\n`);
    return code;
  };
}

/** `head -n 3`, `head -3`, `head -c 100`; `/dev/zero` is the one endless file. */
const head: CommandFunction = async (words, process) => {
  const byBytes = optionOf(words, '-c');
  const count = Number(optionOf(words, '-n') ?? words.find((word) => /^-\d+$/.test(word))?.slice(1) ?? 10);
  if (byBytes !== undefined) {
    let left = sizeOf(byBytes);
    if (words.includes('/dev/zero')) {
      for (const zeros = new Uint8Array(16 * kilobyte); left > 0; left -= Math.min(left, zeros.length)) {
        process.signal.throwIfAborted();
        await process.stdout.write(zeros.subarray(0, left));
        await process.pause();
      }
      return 0;
    }
    while (left > 0) {
      const chunk = await process.stdin.read();
      if (chunk === undefined) break;
      await process.stdout.write(chunk.subarray(0, left));
      left -= chunk.length;
    }
    return 0;
  }
  let left = count;
  for await (const line of linesOf(process.stdin)) {
    if (left-- <= 0) break;
    await process.stdout.write(`${line}\n`);
  }
  return 0;
};

function optionOf(words: readonly string[], name: string): string | undefined {
  const at = words.findIndex((word) => word === name || (word.startsWith(name) && !word.startsWith('--')));
  const word = words[at];
  if (word === undefined) return undefined;
  return word === name ? words[at + 1] : word.slice(name.length);
}

function sizeOf(text: string): number {
  const match = /^(\d+)([kKmM]?)/.exec(text);
  const unit = (match?.[2] ?? '').toLowerCase();
  return Number(match?.[1] ?? 0) * (unit === 'k' ? kilobyte : unit === 'm' ? kilobyte * kilobyte : 1);
}

const ls: CommandFunction = async (words, process) => {
  const paths = words.slice(1).filter((word) => !word.startsWith('-'));
  let code = 0;
  for (const path of paths.length === 0 ? ['.'] : paths) {
    const full = resolvePath(process.state.folder, path);
    const names = process.files.list(full);
    if (names !== undefined) {
      await process.stdout.write(names.map((name) => `${name}\n`).join(''));
      continue;
    }
    try {
      process.files.read(full);
      await process.stdout.write(`${path}\n`);
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      await process.stderr.write(`ls: ${path}: ${error.message}\n`);
      code = 1;
    }
  }
  return code;
};

const rm: CommandFunction = async (words, process) => {
  let code = 0;
  for (const path of words.slice(1).filter((word) => !word.startsWith('-'))) {
    try {
      process.files.remove(resolvePath(process.state.folder, path));
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      if (words.includes('-f') || words.includes('-rf')) continue;
      await process.stderr.write(`rm: can't remove '${path}': ${error.message}\n`);
      code = 1;
    }
  }
  return code;
};

const env: CommandFunction = async (_words, { variables, stdout }) => {
  await stdout.write([...variables].map(([name, value]) => `${name}=${value}\n`).join(''));
  return 0;
};

const printenv: CommandFunction = async (words, process) => {
  if (words.length === 1) return env(words, process);
  let code = 0;
  for (const name of words.slice(1)) {
    const value = process.variables.get(name);
    if (value === undefined) code = 1;
    else await process.stdout.write(`${value}\n`);
  }
  return code;
};

const sleep: CommandFunction = async ([, ...words], process) => {
  const units: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
  let seconds = 0;
  for (const word of words) {
    const match = /^(\d+(?:\.\d+)?)([smhd]?)$/.exec(word);
    if (word === 'infinity') seconds = Number.POSITIVE_INFINITY;
    else if (match === null) {
      await process.stderr.write(`sleep: invalid number '${word}'\n`);
      return 1;
    } else seconds += Number(match[1]) * (units[match[2] ?? ''] ?? 1);
  }
  // The longest that timers know; a loop makes it endless.
  const stepSeconds = 24 * 3600;
  for (let left = seconds; left > 0; left -= stepSeconds)
    await process.sleep(Math.min(left, stepSeconds) * 1000);
  return 0;
};

const seq: CommandFunction = async ([, ...words], { stdout, signal, pause }) => {
  const [first, second, third] = words.map(Number);
  const [from, step, to] =
    third !== undefined
      ? [first ?? 1, second ?? 1, third]
      : second !== undefined
        ? [first ?? 1, 1, second]
        : [1, 1, first ?? 0];
  if (step === 0 || [from, step, to].some((value) => Number.isNaN(value))) return 1;
  let count = 0;
  for (let value = from; step > 0 ? value <= to : value >= to; value += step) {
    signal.throwIfAborted();
    await stdout.write(`${value}\n`);
    if (++count % 1000 === 0) await pause();
  }
  return 0;
};

/** Endless: ends with its reader's patience, that is with the signal. */
const yes: CommandFunction = async ([, ...words], { stdout, signal, pause }) => {
  const line = `${words.join(' ') || 'y'}\n`;
  const block = line.repeat(Math.max(1, Math.floor((4 * kilobyte) / line.length)));
  for (let count = 1; ; count++) {
    signal.throwIfAborted();
    await stdout.write(block);
    if (count % 64 === 0) await pause();
  }
};

const date: CommandFunction = async ([, format], { stdout, now }) => {
  const time = new Date(now());
  const iso = time.toISOString();
  const text =
    format === '+%s'
      ? String(Math.floor(now() / 1000))
      : format?.startsWith('+%F') || format === '-Iseconds'
        ? `${iso.slice(0, 19)}Z`
        : time.toUTCString().replace(/^(\w+), (\d+) (\w+) (\d+) (.*) GMT$/, '$1 $3 $2 $5 UTC $4');
  await stdout.write(`${text}\n`);
  return 0;
};

const stty: CommandFunction = async ([, what], { stdout, stderr, terminal }) => {
  if (!terminal.isTerminal) {
    await stderr.write('stty: standard input: Not a tty\n');
    return 1;
  }
  if (what === 'size') await stdout.write(`${terminal.rows} ${terminal.columns}\n`);
  return 0;
};

const text =
  (make: (process: Process) => string): CommandFunction =>
  async (_words, process) => {
    await process.stdout.write(`${make(process)}\n`);
    return 0;
  };

const commands: ReadonlyMap<string, CommandFunction> = new Map<string, CommandFunction>([
  ['[', testExpression],
  [':', async () => 0],
  ['ash', runShellCommand],
  ['bash', runShellCommand],
  ['cat', cat],
  ['date', date],
  ['echo', echo],
  ['env', env],
  ['false', async () => 1],
  ['head', head],
  ['hostname', text(({ hostname }) => hostname)],
  ['id', text(() => 'uid=0(root) gid=0(root) groups=0(root)')],
  ['ls', ls],
  ['md5sum', checksum('md5')],
  ['printenv', printenv],
  ['printf', printf],
  ['pwd', text(({ state }) => state.folder)],
  ['rm', rm],
  ['seq', seq],
  ['sh', runShellCommand],
  ['sha256sum', checksum('sha256')],
  ['sleep', sleep],
  ['stty', stty],
  ['tee', tee],
  ['test', testExpression],
  ['true', async () => 0],
  [
    'tty',
    async (_words, { stdout, terminal }) => {
      await stdout.write(terminal.isTerminal ? '/dev/pts/0\n' : 'not a tty\n');
      return terminal.isTerminal ? 0 : 1;
    },
  ],
  ['uname', text(() => 'Linux')],
  ['wc', wc],
  ['whoami', text(() => 'root')],
  ['yes', yes],
]);
