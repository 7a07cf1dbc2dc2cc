/** The table that a soak ends with. Pure. */
import { about, type Judgement, measures } from './series.js';

export interface SoakSummary {
  readonly title: string;
  readonly warmUpMs: number;
  /** Those of the courses. */
  readonly momentsMs: readonly number[];
  readonly isFlat: boolean | undefined;
}

export function describeSoak(
  judgements: readonly Judgement[],
  { title, warmUpMs, momentsMs, isFlat }: SoakSummary,
): string {
  const rows = measures.flatMap((measure) => judgements.filter((one) => one.measure === measure)).map(rowOf);
  const times = momentsMs.map((atMs) => `${(atMs / 60_000).toFixed(1)} min`);
  const head = ['what', 'process', ...times, 'median', 'peak', 'per hour', 'verdict'];
  const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(' | ')} |`;
  const verdict =
    isFlat === undefined
      ? 'Too short to say whether it is flat.'
      : isFlat
        ? 'Flat: nothing grows after the warm-up beyond its noise.'
        : 'Not flat: see the rows that say so.';
  return [
    '',
    title,
    '',
    line(head),
    line(widths.map((width) => '-'.repeat(width))),
    ...rows.map(line),
    '',
    `Medians and slopes are those after the warm-up of ${(warmUpMs / 60_000).toFixed(1)} min.`,
    verdict,
  ].join('\n');
}

function rowOf({ process, measure, course, middle, peak, slopePerHour, verdict }: Judgement): string[] {
  const { title, unit } = about[measure];
  const figures = [...course, middle, peak, slopePerHour].map((value) => value.toFixed(1));
  return [unit === '' ? title : `${title}, ${unit}`, process, ...figures, verdict];
}
