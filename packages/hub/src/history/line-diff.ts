/**
 * Two texts compared line by line, shown as a unified diff. The comparison is Myers' (An O(ND) Difference Algorithm,
 * 1986), so the shortest one; texts that are too different for it are shown as one replaced by the other. Pure.
 */

export interface DiffLabels {
  readonly from: string;
  readonly to: string;
}

/** Lines around a change. */
const context = 3;
/** The cost grows with the square of the number of changed lines. */
const maxChanges = 2000;

interface Line {
  readonly sign: ' ' | '-' | '+';
  readonly text: string;
}

/** Without a line break at the end; empty when the texts are the same. An empty text has no lines. */
export function unifiedDiff(from: string, to: string, labels: DiffLabels): string {
  const lines = compareLines(toLines(from), toLines(to));
  if (lines.every(({ sign }) => sign === ' ')) return '';
  return [`--- ${labels.from}`, `+++ ${labels.to}`, ...hunks(lines)].join('\n');
}

function toLines(text: string): string[] {
  if (text === '') return [];
  return (text.endsWith('\n') ? text.slice(0, -1) : text).split('\n');
}

function compareLines(from: readonly string[], to: readonly string[]): Line[] {
  let head = 0;
  while (head < from.length && head < to.length && from[head] === to[head]) head++;
  let tail = 0;
  const rest = Math.min(from.length, to.length) - head;
  while (tail < rest && from[from.length - 1 - tail] === to[to.length - 1 - tail]) tail++;
  const middle = shortestEdit(from.slice(head, from.length - tail), to.slice(head, to.length - tail));
  return [
    ...from.slice(0, head).map((text): Line => ({ sign: ' ', text })),
    ...middle,
    ...from.slice(from.length - tail).map((text): Line => ({ sign: ' ', text })),
  ];
}

function shortestEdit(from: readonly string[], to: readonly string[]): Line[] {
  const trace = searchEdit(from, to);
  if (trace === undefined) {
    return [
      ...from.map((text): Line => ({ sign: '-', text })),
      ...to.map((text): Line => ({ sign: '+', text })),
    ];
  }
  const lines: Line[] = [];
  let x = from.length;
  let y = to.length;
  for (let depth = trace.length - 1; depth >= 0; depth--) {
    const reached = trace[depth] as Map<number, number>; // depth counts down through the list
    const k = x - y;
    const isDown = k === -depth || (k !== depth && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
    const before = isDown ? k + 1 : k - 1;
    const startX = depth === 0 ? 0 : (reached.get(before) ?? 0);
    const startY = depth === 0 ? 0 : startX - before;
    while (x > startX && y > startY) {
      x--;
      y--;
      lines.push({ sign: ' ', text: from[x] ?? '' });
    }
    if (depth === 0) break;
    if (isDown) {
      y--;
      lines.push({ sign: '+', text: to[y] ?? '' });
    } else {
      x--;
      lines.push({ sign: '-', text: from[x] ?? '' });
    }
  }
  return lines.reverse();
}

/** How far each diagonal was reached before each step; undefined when it takes too many. */
function searchEdit(from: readonly string[], to: readonly string[]): Map<number, number>[] | undefined {
  const trace: Map<number, number>[] = [];
  const reached = new Map<number, number>([[1, 0]]);
  for (let depth = 0; depth <= Math.min(from.length + to.length, maxChanges); depth++) {
    trace.push(new Map(diagonals(reached, depth)));
    for (let k = -depth; k <= depth; k += 2) {
      const isDown = k === -depth || (k !== depth && (reached.get(k - 1) ?? -1) < (reached.get(k + 1) ?? -1));
      let x = isDown ? (reached.get(k + 1) ?? 0) : (reached.get(k - 1) ?? 0) + 1;
      while (x < from.length && x - k < to.length && from[x] === to[x - k]) x++;
      reached.set(k, x);
      if (x >= from.length && x - k >= to.length) return trace;
    }
  }
  return undefined;
}

function diagonals(reached: ReadonlyMap<number, number>, depth: number): [number, number][] {
  const found: [number, number][] = [];
  for (let k = -depth - 1; k <= depth + 1; k++) {
    const x = reached.get(k);
    if (x !== undefined) found.push([k, x]);
  }
  return found;
}

function hunks(lines: readonly Line[]): string[] {
  const changed = lines.flatMap(({ sign }, at) => (sign === ' ' ? [] : [at]));
  const out: string[] = [];
  let fromLine = 1;
  let toLine = 1;
  let at = 0;
  for (let first = 0; first < changed.length; ) {
    let last = first;
    while (last + 1 < changed.length && gap(changed, last) <= 2 * context) last++;
    const start = Math.max(0, (changed[first] ?? 0) - context);
    const end = Math.min(lines.length, (changed[last] ?? 0) + context + 1);
    for (; at < start; at++) {
      fromLine++;
      toLine++;
    }
    const part = lines.slice(start, end);
    const fromCount = part.filter(({ sign }) => sign !== '+').length;
    const toCount = part.filter(({ sign }) => sign !== '-').length;
    out.push(`@@ -${range(fromLine, fromCount)} +${range(toLine, toCount)} @@`);
    out.push(...part.map(({ sign, text }) => `${sign}${text}`));
    fromLine += fromCount;
    toLine += toCount;
    at = end;
    first = last + 1;
  }
  return out;
}

/** Unchanged lines between one change and the next. */
function gap(changed: readonly number[], at: number): number {
  return (changed[at + 1] ?? 0) - (changed[at] ?? 0) - 1;
}

/** Of no lines the one before is named, as diff does. */
function range(start: number, count: number): string {
  if (count === 1) return String(start);
  return `${count === 0 ? start - 1 : start},${count}`;
}
