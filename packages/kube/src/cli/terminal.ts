/** What the commands know of the screen that they write to: whether there is one, how large, and whether in colours. */

export interface Screen {
  /** Characters in a line, and lines. */
  readonly columns: number;
  readonly rows: number;
}

/** Undefined where nobody sits at a terminal: in a pipe, a file, a script. */
export function screenOf(stream: NodeJS.WriteStream = process.stdout): Screen | undefined {
  return stream.isTTY ? { columns: stream.columns || 80, rows: stream.rows || 24 } : undefined;
}

/** Colours are for terminals, unless NO_COLOR (https://no-color.org) or TERM=dumb say otherwise. */
export function hasColors(stream: NodeJS.WriteStream = process.stdout): boolean {
  const { NO_COLOR: none = '', TERM: term } = process.env;
  return stream.isTTY === true && none === '' && term !== 'dumb';
}

const good = ['True', 'Approved', 'ok'];
const bad = ['False', 'Denied', 'Failed', 'fail'];
const doubtful = ['Unknown', 'Pending', 'warn'];

/** Words that say whether something is well, in green, red and yellow; everything else as it is. */
export function paintState(padded: string, cell: string): string {
  const word = cell.split(/[ ,]/)[0] ?? '';
  const color = good.includes(word) ? 32 : bad.includes(word) ? 31 : doubtful.includes(word) ? 33 : undefined;
  return color === undefined ? padded : `\u001b[${color}m${padded}\u001b[39m`;
}
