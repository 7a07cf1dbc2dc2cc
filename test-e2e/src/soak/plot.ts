/** An SVG with one panel for each measure, a line for each process over time. Pure. */
import { about, type Measure, measures, type Series } from './series.js';

const width = 900;
const panelHeight = 190;
const margin = { left: 64, right: 150, top: 34, bottom: 24 };
const colours = ['#1b6ca8', '#c8553d', '#588157', '#8e6c8a', '#e09f3e', '#2a9d8f', '#6c757d', '#9d4edd'];

export interface PlotOptions {
  readonly title: string;
  /** Where the warm-up ends. */
  readonly warmUpMs: number;
}

export function plot(all: readonly Series[], { title, warmUpMs }: PlotOptions): string {
  const processes = [...new Set(all.map(({ process }) => process))];
  const endMs = Math.max(1, ...all.flatMap(({ points }) => points.map(({ atMs }) => atMs)));
  const shown = measures.filter((measure) => all.some((series) => series.measure === measure));
  const panels = shown.map((measure, i) => {
    const lines = all.filter((series) => series.measure === measure);
    return `<g transform="translate(0 ${40 + i * panelHeight})">${panel(measure, lines, { endMs, warmUpMs, processes })}</g>`;
  });
  const height = 40 + shown.length * panelHeight + 10;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif" font-size="11">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${width}" height="${height}" fill="#fff"/>`,
    `<text x="${margin.left}" y="24" font-size="14">${escapeXml(title)}</text>`,
    ...panels,
    '</svg>\n',
  ].join('\n');
}

function panel(
  measure: Measure,
  lines: readonly Series[],
  { endMs, warmUpMs, processes }: { endMs: number; warmUpMs: number; processes: readonly string[] },
): string {
  const { title, unit } = about[measure];
  const inner = {
    width: width - margin.left - margin.right,
    height: panelHeight - margin.top - margin.bottom,
  };
  const top = roundUp(Math.max(1, ...lines.flatMap(({ points }) => points.map(({ value }) => value))));
  const x = (atMs: number): number => margin.left + (atMs / endMs) * inner.width;
  const y = (value: number): number => margin.top + inner.height * (1 - value / top);
  const grid = [0, 0.5, 1].map((share) => {
    const at = y(top * share).toFixed(1);
    const label = `<text x="${margin.left - 6}" y="${at}" dy="4" text-anchor="end">${trim(top * share)}</text>`;
    return `<path d="M${margin.left} ${at}h${inner.width}" stroke="#ddd"/>${label}`;
  });
  const minutes = [0, 0.25, 0.5, 0.75, 1].map((share) => {
    const label = `${trim((endMs * share) / 60_000)} min`;
    return `<text x="${x(endMs * share).toFixed(1)}" y="${panelHeight - 8}" text-anchor="middle">${label}</text>`;
  });
  const drawn = lines.map(({ process, points }) => {
    const colour = colours[processes.indexOf(process) % colours.length];
    const path = points.map(({ atMs, value }) => `${x(atMs).toFixed(1)},${y(value).toFixed(1)}`).join(' ');
    const row = margin.top + 8 + lines.findIndex((line) => line.process === process) * 15;
    const key = `<text x="${width - margin.right + 12}" y="${row}" fill="${colour}">${escapeXml(process)}</text>`;
    return `<polyline points="${path}" fill="none" stroke="${colour}" stroke-width="1.5"/>${key}`;
  });
  const warm = `<rect x="${margin.left}" y="${margin.top}" width="${(x(warmUpMs) - margin.left).toFixed(1)}" height="${inner.height}" fill="#f3f3f3"/>`;
  const heading = `<text x="${margin.left}" y="${margin.top - 10}" font-weight="bold">${escapeXml(title)}${unit === '' ? '' : ` (${unit})`}</text>`;
  return [warm, heading, ...grid, ...minutes, ...drawn].join('\n');
}

/** The next of 1, 2, 5, 10, 20, 50 ... */
function roundUp(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5, 10].find((step) => step * power >= value) ?? 10) * power;
}

function trim(value: number): string {
  return String(Math.round(value * 10) / 10);
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
