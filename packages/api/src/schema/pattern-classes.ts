/**
 * Sets of code points for regular expressions: ranges, their union and complement, and the named classes of RE2.
 * Called by the pattern parser.
 */

/** Inclusive ranges of code points; sorted and disjoint when they come out of `union`. */
export type Ranges = readonly (readonly [number, number])[];

const maxCodePoint = 0x10ffff;
const digits: Ranges = [[48, 57]];
const upper: Ranges = [[65, 90]];
const lower: Ranges = [[97, 122]];
const letters: Ranges = [...upper, ...lower];
const word: Ranges = [...digits, ...upper, [95, 95], ...lower];
const spaces: Ranges = [
  [9, 10],
  [12, 13],
  [32, 32],
];

const posixClasses: ReadonlyMap<string, Ranges> = new Map<string, Ranges>([
  ['alnum', [...digits, ...letters]],
  ['alpha', letters],
  ['ascii', [[0, 127]]],
  [
    'blank',
    [
      [9, 9],
      [32, 32],
    ],
  ],
  [
    'cntrl',
    [
      [0, 31],
      [127, 127],
    ],
  ],
  ['digit', digits],
  ['graph', [[33, 126]]],
  ['lower', lower],
  ['print', [[32, 126]]],
  [
    'punct',
    [
      [33, 47],
      [58, 64],
      [91, 96],
      [123, 126],
    ],
  ],
  [
    'space',
    [
      [9, 13],
      [32, 32],
    ],
  ],
  ['upper', upper],
  ['word', word],
  ['xdigit', [...digits, [65, 70], [97, 102]]],
]);

/** `[:name:]`. */
export function posixClass(name: string): Ranges | undefined {
  return posixClasses.get(name);
}

/** `\d`, `\s`, `\w` and their upper-case complements; ASCII, as in RE2. */
export function perlClass(letter: string): Ranges {
  const base = { d: digits, s: spaces, w: word }[letter.toLowerCase()] ?? [];
  return letter === letter.toUpperCase() ? complement(base) : base;
}

const unicodeClasses = new Map<string, Ranges | undefined>();

/** A general category or script (`L`, `Lu`, `Greek`), read once off the engine's own tables. */
export function namedClass(name: string): Ranges | undefined {
  if (!unicodeClasses.has(name)) unicodeClasses.set(name, readUnicodeClass(name));
  return unicodeClasses.get(name);
}

function readUnicodeClass(name: string): Ranges | undefined {
  if (name === 'Any') return [[0, maxCodePoint]];
  const isMember = unicodeTest(`\\p{gc=${name}}`) ?? unicodeTest(`\\p{sc=${name}}`);
  if (isMember === undefined) return undefined;
  const ranges: (readonly [number, number])[] = [];
  let start = -1;
  for (let code = 0; code <= maxCodePoint + 1; code++) {
    const inside = code <= maxCodePoint && isMember.test(String.fromCodePoint(code));
    if (inside && start < 0) start = code;
    if (!inside && start >= 0) {
      ranges.push([start, code - 1]);
      start = -1;
    }
  }
  return ranges;
}

function unicodeTest(property: string): RegExp | undefined {
  try {
    return new RegExp(`^${property}$`, 'u');
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Sorted and merged. */
export function union(a: Ranges, b: Ranges): Ranges {
  const all = [...a, ...b].sort((x, y) => x[0] - y[0]);
  const out: [number, number][] = [];
  for (const [low, high] of all) {
    const last = out.at(-1);
    if (last !== undefined && low <= last[1] + 1) last[1] = Math.max(last[1], high);
    else out.push([low, high]);
  }
  return out;
}

/** Every code point that is not in the set. */
export function complement(ranges: Ranges): Ranges {
  const out: (readonly [number, number])[] = [];
  let next = 0;
  for (const [low, high] of union(ranges, [])) {
    if (low > next) out.push([next, low - 1]);
    next = high + 1;
  }
  if (next <= maxCodePoint) out.push([next, maxCodePoint]);
  return out;
}

/** Adds the other case of every letter. Ranges too wide to enumerate already hold both cases. */
export function foldCase(ranges: Ranges): Ranges {
  const extra: (readonly [number, number])[] = [];
  for (const [low, high] of ranges) {
    if (high - low > 0x3000) continue;
    for (let code = low; code <= high; code++) {
      const char = String.fromCodePoint(code);
      for (const other of [char.toLowerCase(), char.toUpperCase()]) {
        const folded = other.codePointAt(0) ?? code;
        if (folded !== code && other.length === String.fromCodePoint(folded).length)
          extra.push([folded, folded]);
      }
    }
  }
  return union(ranges, extra);
}
