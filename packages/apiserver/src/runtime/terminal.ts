/**
 * The terminal of `kubectl exec -t`: shows what is typed, hands lines over when they are complete, understands erase,
 * Ctrl-C and Ctrl-D, and turns line ends into what a screen wants. Size changes come as JSON on a channel of their own.
 */
import type { Channel } from '@flotilla/kube';
import type { Reader, Writer } from './byte-io.js';

export interface TerminalSize {
  columns: number;
  rows: number;
}

export interface Terminal {
  readonly stdin: Reader;
  readonly stdout: Writer;
}

const interrupt = 0x03;
const endOfInput = 0x04;
const eraseKeys = new Set([0x08, 0x7f]);
const maxLineBytes = 4096;

/** `onInterrupt` is called for Ctrl-C. */
export function createTerminal(
  { input, output }: { input: Reader; output: Writer },
  onInterrupt: () => void,
): Terminal {
  const stdout: Writer = {
    write: (bytes) => output.write(toScreen(bytes)),
  };
  let line: number[] = [];
  const ready: Uint8Array[] = [];
  let isOver = false;
  const finishLine = (...end: number[]): void => {
    ready.push(Buffer.from([...line, ...end]));
    line = [];
  };
  const key = async (byte: number): Promise<void> => {
    if (byte === interrupt) {
      line = [];
      await output.write('^C\r\n');
      onInterrupt();
    } else if (byte === endOfInput) {
      if (line.length === 0) isOver = true;
      else finishLine();
    } else if (eraseKeys.has(byte)) {
      if (line.pop() !== undefined) await output.write('\b \b');
    } else if (byte === 0x0d || byte === 0x0a) {
      await output.write('\r\n');
      finishLine(0x0a);
    } else if (line.length < maxLineBytes) {
      line.push(byte);
      await output.write(Uint8Array.of(byte));
    }
  };
  return {
    stdout,
    stdin: {
      async read() {
        while (ready.length === 0 && !isOver) {
          const chunk = await input.read();
          if (chunk === undefined) {
            isOver = true;
            if (line.length > 0) finishLine();
          } else for (const byte of chunk) await key(byte);
        }
        return ready.shift();
      },
    },
  };
}

function toScreen(bytes: Uint8Array | string): Uint8Array {
  const source = Buffer.from(bytes);
  if (!source.includes(10)) return source;
  return Buffer.from(source.toString('latin1').replace(/\r?\n/g, '\r\n'), 'latin1');
}

/** Keeps the size as the client tells it. */
export function followSize(channel: Channel, size: TerminalSize): void {
  let text = '';
  channel.listen({
    onData: (chunk) => {
      text = (text + Buffer.from(chunk).toString()).slice(-1024);
      // Each message is one object; the last complete one counts.
      const last = /\{[^{}]*\}(?=[^{}]*$)/.exec(text)?.[0];
      if (last === undefined) return;
      const [columns, rows] = ['Width', 'Height'].map((name) =>
        Number(new RegExp(`"${name}"\\s*:\\s*(\\d{1,5})`).exec(last)?.[1] ?? 0),
      );
      size.columns = columns ?? 0;
      size.rows = rows ?? 0;
    },
  });
}
