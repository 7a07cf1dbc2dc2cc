/** Plain padded tables as kubectl prints them: upper-case headers, three spaces between columns. Pure. */

export interface TableOptions {
  /** Columns are at least so wide: for rows that continue a table. */
  readonly minWidths?: readonly number[];
  /** Colours a cell that is already padded. */
  readonly paint?: (padded: string, cell: string) => string;
  /** Lines are cut to this many characters: for a screen that must not wrap. */
  readonly maxWidth?: number;
  /** The first row is the headers. Default true. */
  readonly withHeaders?: boolean;
}

/** `rows` hold one cell for each header; an empty cell prints as `<none>`. */
export function formatTable(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  options: TableOptions = {},
): string {
  const { paint = (padded) => padded, maxWidth = Number.POSITIVE_INFINITY, withHeaders = true } = options;
  const cells = [
    ...(withHeaders ? [headers.map((header) => header.toUpperCase())] : []),
    ...rows.map((row) => row.map((cell) => cell || '<none>')),
  ];
  const widths = columnWidths(headers, rows, options.minWidths);
  return cells
    .map((row) => {
      let left = maxWidth;
      return row
        .map((cell, column) => {
          const padded = column === row.length - 1 ? cell : cell.padEnd((widths[column] ?? 0) + 3);
          const shown = padded.slice(0, Math.max(0, left));
          left -= shown.length;
          return paint(shown, cell);
        })
        .join('')
        .trimEnd();
    })
    .join('\n');
}

/** What `formatTable` would make of them. */
export function columnWidths(
  headers: readonly string[],
  rows: readonly (readonly string[])[],
  minWidths: readonly number[] = [],
): number[] {
  return headers.map((header, column) =>
    Math.max(minWidths[column] ?? 0, header.length, ...rows.map((row) => (row[column] || '<none>').length)),
  );
}
