/** What a soak measures over time, and when that is flat. Pure. */

export const measures = ['memory', 'resident', 'handles', 'disk', 'delay'] as const;
export type Measure = (typeof measures)[number];

interface About {
  readonly title: string;
  readonly unit: string;
  /** Growth over the judged time that is noise: of the level, and in the unit. */
  readonly share: number;
  readonly allowance: number;
}

export const about: Readonly<Record<Measure, About>> = {
  memory: { title: 'own memory', unit: 'MiB', share: 0.1, allowance: 8 },
  // With the pages of the store's file, which the kernel takes back when it needs them.
  resident: { title: 'resident memory', unit: 'MiB', share: 0.1, allowance: 8 },
  handles: { title: 'open handles', unit: '', share: 0.1, allowance: 4 },
  disk: { title: 'disk', unit: 'MiB', share: 0.1, allowance: 4 },
  // Without what a busy machine makes of it (`loop-delay.ts`); still, its caches are cold then.
  delay: { title: 'own event-loop delay (p99)', unit: 'ms', share: 0.5, allowance: 25 },
};

export interface Point {
  /** Since the load began. */
  readonly atMs: number;
  readonly value: number;
}

export interface Series {
  readonly process: string;
  readonly measure: Measure;
  /** The process is ended and started anew all the while: what it takes is as old as itself, but for its disk. */
  readonly startsAgain: boolean;
  readonly points: Point[];
}

export type Verdict = 'flat' | 'grows' | 'too short' | 'starts again';

export interface Judgement {
  readonly process: string;
  readonly measure: Measure;
  /** At as many moments as were asked for, evenly from the beginning to the end; each the point next to it. */
  readonly course: readonly number[];
  /** The median after the warm-up. */
  readonly middle: number;
  readonly peak: number;
  /** Per hour, after the warm-up. */
  readonly slopePerHour: number;
  readonly verdict: Verdict;
}

/** Points that are needed to speak of a slope. */
const fewestPoints = 8;

export interface Judging {
  /** Where the warm-up ends. */
  readonly fromMs: number;
  /** The moments of the course. */
  readonly momentsMs: readonly number[];
}

/** @throws Error when there is no point at all. */
export function judge(series: Series, { fromMs, momentsMs }: Judging): Judgement {
  const { process, measure, points } = series;
  const judged = points.filter(({ atMs }) => atMs >= fromMs);
  if (points.length === 0) throw new Error(`nothing was measured: ${measure} of ${process}`);
  const slope = judged.length < fewestPoints ? undefined : medianSlope(judged);
  const level = median((judged.length === 0 ? points : judged).map(({ value }) => value));
  const spanMs = (judged.at(-1)?.atMs ?? 0) - (judged[0]?.atMs ?? 0);
  const { share, allowance } = about[measure];
  return {
    process,
    measure,
    course: momentsMs.map((atMs) => nextTo(points, atMs)),
    middle: level,
    peak: Math.max(...points.map(({ value }) => value)),
    slopePerHour: (slope ?? 0) * 3_600_000,
    verdict: verdict(
      series,
      slope === undefined ? undefined : { growth: slope * spanMs, noise: Math.max(allowance, level * share) },
    ),
  };
}

/** Evenly from the beginning to the end. */
export function moments(endMs: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (endMs * i) / (count - 1));
}

function nextTo(points: readonly Point[], atMs: number): number {
  const away = (point: Point): number => Math.abs(point.atMs - atMs);
  return points.reduce((best, point) => (away(point) < away(best) ? point : best)).value;
}

/** A leak has no time to show in a process that does not live long. */
function verdict(
  { measure, startsAgain }: Series,
  seen: { readonly growth: number; readonly noise: number } | undefined,
): Verdict {
  if (startsAgain && measure !== 'disk') return 'starts again';
  if (seen === undefined) return 'too short';
  return seen.growth <= seen.noise ? 'flat' : 'grows';
}

/** The median of the slopes between any two points (Theil and Sen): single peaks do not move it. */
export function medianSlope(points: readonly Point[]): number {
  const step = Math.max(1, Math.floor(points.length / 300)); // pairs grow with the square
  const some = points.filter((_, i) => i % step === 0);
  const slopes = some.flatMap((one, i) =>
    some.slice(i + 1).map((other) => (other.value - one.value) / (other.atMs - one.atMs)),
  );
  return median(slopes);
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}
