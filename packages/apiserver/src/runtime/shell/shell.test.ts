import { expect } from 'chai';
import fc from 'fast-check';
import { emptyReader, type Reader, type Writer } from '../byte-io.js';
import { FileSystem } from '../file-system.js';
import { commandNamed } from './commands.js';
import type { Process } from './process.js';
import { Shell } from './shell.js';
import { parseShell } from './syntax.js';
import { ShellSyntaxError } from './syntax-tree.js';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
  readonly log: string;
}

async function run(text: string, options: { stdin?: string; signal?: AbortSignal } = {}): Promise<Outcome> {
  const [out, err, log] = [collector(), collector(), collector()];
  let clock = 0;
  const signal = options.signal ?? new AbortController().signal;
  const process: Process = {
    pid: 42,
    variables: new Map([
      ['NAME', 'web'],
      ['LIST', 'a b  c'],
    ]),
    stdin: options.stdin === undefined ? emptyReader : once(options.stdin),
    stdout: out.writer,
    stderr: err.writer,
    mainOutput: { stdout: log.writer, stderr: log.writer },
    files: new FileSystem(() => new Map([['/etc/conf/a.txt', Buffer.from('one\ntwo\n')]])),
    hostname: 'web-0',
    state: { folder: '/' },
    terminal: { isTerminal: false, columns: 0, rows: 0 },
    now: () => clock,
    sleep: async (ms) => {
      signal.throwIfAborted();
      clock += ms;
      await new Promise((resolve) => setImmediate(resolve));
    },
    pause: async () => {
      signal.throwIfAborted();
      await new Promise((resolve) => setImmediate(resolve));
    },
    signal,
  };
  const code = await new Shell(process, { parameters: ['sh', 'first'], commandNamed }).run(text);
  return { code, out: out.text(), err: err.text(), log: log.text() };
}

function collector(): { readonly writer: Writer; text(): string } {
  const chunks: Buffer[] = [];
  return {
    writer: { write: async (bytes) => void chunks.push(Buffer.from(bytes)) },
    text: () => Buffer.concat(chunks).toString(),
  };
}

function once(text: string): Reader {
  let rest: Uint8Array | undefined = Buffer.from(text);
  return {
    read: async () => {
      const chunk = rest;
      rest = undefined;
      return chunk;
    },
  };
}

describe('shell of simulated containers', () => {
  const cases: readonly (readonly [string, string, number?])[] = [
    ['echo hello  world', 'hello world\n'],
    [`echo 'a  $NAME' "b  $NAME" c\\ d`, 'a  $NAME b  web c d\n'],
    ['echo $LIST "$LIST"', 'a b c a b  c\n'],
    [`echo \${MISSING:-none} [$MISSING] $1 $# $$`, 'none [] first 1 42\n'],
    ['true && echo yes || echo no; false && echo yes || echo no', 'yes\nno\n'],
    ['exit 3; echo never', '', 3],
    ['false; echo $?', '1\n'],
    ['! false; echo $?', '0\n'],
    ['for i in 1 2 3; do echo $i; done', '1\n2\n3\n'],
    ['n=; while [ "$n" != xxx ]; do n=x$n; echo $n; done', 'x\nxx\nxxx\n'],
    ['until true; do echo never; done; echo done', 'done\n'],
    [
      'if [ -f /etc/conf/a.txt ]; then echo there; elif true; then echo second; else echo gone; fi',
      'there\n',
    ],
    ['if false; then echo a; else echo b; fi', 'b\n'],
    ['echo $(hostname)-`echo x` "$(printf "%s %d" a 7)"', 'web-0-x a 7\n'],
    ['x=1; (x=2; cd /tmp; echo $x; exit 4); echo $? $x; pwd', '2\n4 1\n/\n'],
    ['echo a | cat | wc -c', '2\n'],
    ['seq 3 | tee /tmp/x | head -n 1; cat /tmp/x', '1\n1\n2\n3\n'],
    ['echo one > /tmp/f; echo two >> /tmp/f; cat < /tmp/f; rm /tmp/f; ls /tmp', 'one\ntwo\n'],
    [
      'ls /etc/conf; cat /etc/conf/a.txt; cd /etc/conf && pwd && cat a.txt | wc -l',
      'a.txt\none\ntwo\n/etc/conf\n2\n',
    ],
    ['nosuch 2>/dev/null; echo $?', '127\n'],
    ['{ echo out; echo err >&2; } 2>&1', 'out\nerr\n'],
    ['A=1 env | head -c 0; export B=2; sh -c "echo $B"', '2\n'],
    ['date +%s; sleep 2.5; date +%s', '0\n2\n'],
    ['# nothing\necho a # b\n\n', 'a\n'],
    ['printf "a\\tb\\n"; echo -n c; echo -e "\\nd"', 'a\tb\nc\nd\n'],
    ['head -c 70000 /dev/zero | wc -c', '70000\n'],
    ['yes | head -n 2', 'y\ny\n'],
    ['whoami; uname; id -u >/dev/null; true; :', 'root\nLinux\n'],
  ];
  for (const [text, output, code = 0] of cases) {
    it(`plays ${text.slice(0, 70)}`, async () => {
      const outcome = await run(text);
      expect(outcome.out, outcome.err).to.equal(output);
      expect(outcome.code, outcome.err).to.equal(code);
    });
  }

  it('passes its input on, and writes to the log of the container', async () => {
    expect((await run('cat; echo end', { stdin: 'typed\n' })).out).to.equal('typed\nend\n');
    expect((await run('echo said > /proc/1/fd/1')).log).to.equal('said\n');
  });

  const problems: readonly (readonly [string, string, number])[] = [
    ['nosuch', 'sh: nosuch: not found\n', 127],
    ['cat /none', "cat: can't open '/none': No such file or directory\n", 1],
    ['echo x > /etc/conf/a.txt', "sh: can't create /etc/conf/a.txt: Read-only file system\n", 1],
    ['cd /none', "sh: cd: can't cd to /none: No such file or directory\n", 1],
    ['if true', 'sh: syntax error: unexpected end of file\n', 2],
    ['echo "a', 'sh: syntax error: unterminated quoted string\n', 2],
    ['; ;', '', 0],
    ['| a', 'sh: syntax error: unexpected "|"\n', 2],
  ];
  for (const [text, error, code] of problems) {
    it(`complains of ${text}`, async () => {
      const outcome = await run(text);
      expect(outcome.err).to.equal(error);
      expect(outcome.code).to.equal(code);
    });
  }

  it('stops at the signal, also in a loop that never waits', async () => {
    const abort = new AbortController();
    const running = run('while true; do :; done', { signal: abort.signal });
    setImmediate(() => abort.abort(new Error('over')));
    let reason = '';
    await running.catch((error: Error) => {
      reason = error.message;
    });
    expect(reason).to.equal('over');
  });

  it('keeps what is written within bounds', async () => {
    const outcome = await run('head -c 5000000 /dev/zero > /tmp/big');
    expect(outcome.code).to.not.equal(0);
    expect(outcome.err).to.contain('No space left on device');
  });

  it('parses or refuses any text, and nothing else', () => {
    const words = fc.constantFrom(
      'if',
      'then',
      'fi',
      'do',
      'done',
      'while',
      'for',
      'in',
      '$(',
      ')',
      '`',
      '"',
      "'",
      '|',
      '&&',
      ';',
      '{',
      '}',
      '$x',
      '>',
      'a',
      '\\',
      '\n',
      '${',
      '!',
    );
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string(),
          fc.array(words).map((list) => list.join(' ')),
        ),
        (text) => {
          try {
            parseShell(text);
          } catch (error) {
            expect(error).to.be.instanceOf(ShellSyntaxError);
          }
        },
      ),
      { numRuns: 500 },
    );
  });
});
