// The curves that a run measured, as CSV (each point of each run, with machine and versions in front of it) and SVG.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { renderCsv, renderPlot } from './plot.mjs';
import { median } from './statistics.mjs';

/** Writes `<name>.csv` and `<name>.svg` for each curve; answers the files' names. */
export function writeCurves(directory, { curves, machine, p99Ms }) {
  mkdirSync(directory, { recursive: true });
  const versions = Object.entries(machine.versions).map(([name, version]) => `${name} ${version}`);
  const where = { machine: `${machine.cores} x ${machine.cpu}`, versions: versions.join('; ') };
  return [...curves].flatMap(([name, { title, xLabel, xKey, runs }]) => {
    const rows = runs.flatMap((points, i) => points.map((point) => ({ ...where, run: i + 1, ...point })));
    const files = { csv: join(directory, `${name}.csv`), svg: join(directory, `${name}.svg`) };
    writeFileSync(files.csv, renderCsv(rows));
    const line = (key) => ({ name: key.replace('_ms', ''), points: medians(rows, { xKey, key }) });
    const plot = renderPlot({
      title: `${title}; arrival to status seen on the hub`,
      x: { label: xLabel, log: true },
      y: { label: 'ms', log: true },
      lines: ['p50_ms', 'p99_ms'].map(line),
      limit: { value: p99Ms, label: `p99 budget ${p99Ms} ms` },
    });
    writeFileSync(files.svg, plot);
    return Object.values(files);
  });
}

/** One point for each x: the median of the runs that came so far. */
function medians(rows, { xKey, key }) {
  const steps = [...new Set(rows.map((row) => row[xKey]))].sort((a, b) => a - b);
  return steps.map((x) => [x, median(rows.filter((row) => row[xKey] === x).map((row) => row[key]))]);
}
