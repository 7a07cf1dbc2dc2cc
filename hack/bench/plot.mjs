// A plot of curves against a budget as SVG, with logarithmic axes where wanted, and rows as CSV. No dependency, no
// clock: the same points give the same bytes. Points that are not finite numbers are left out of the plot. The soak
// plots many measures over time instead: test-e2e/src/soak/plot.ts.

const size = { width: 760, height: 420, left: 70, right: 170, top: 44, bottom: 52 };
const colours = ['#1f6feb', '#cf222e', '#1a7f37', '#8250df', '#bf8700', '#57606a'];
const font = 'font-family="system-ui, sans-serif" font-size="12"';

/**
 * `lines` are `{ name, points: [[x, y], ...] }`; `x` and `y` are `{ label, log }`, logarithmic ones take only what is
 * above 0; `limit` is a budget as a dashed line, `{ value, label }`.
 */
export function renderPlot({ title, x, y, lines, limit }) {
  const fits = ([a, b]) => Number.isFinite(a) && Number.isFinite(b) && (!x.log || a > 0) && (!y.log || b > 0);
  const shown = lines.map((line) => ({ ...line, points: line.points.filter(fits) }));
  const all = shown.flatMap(({ points }) => points);
  const yValues = [...all.map((point) => point[1]), ...(limit === undefined ? [] : [limit.value])];
  const across = createScale(
    x,
    all.map((point) => point[0]),
    [size.left, size.width - size.right],
  );
  const up = createScale(y, yValues, [size.height - size.bottom, size.top]);
  const body = [
    `<text x="${size.left}" y="24" font-weight="bold">${escapeXml(title)}</text>`,
    ...across.ticks.map((value) => xTick(value, across.at(value))),
    ...up.ticks.map((value) => yTick(value, up.at(value))),
    axisLabels(x, y),
    ...(limit === undefined ? [] : [limitLine(limit, up.at(limit.value))]),
    ...shown.map((line, i) => curve(line, { across, up, i })),
  ];
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${size.width} ${size.height}" ${font} fill="#24292f">`,
    `<title>${escapeXml(title)}</title>`,
    `<rect width="${size.width}" height="${size.height}" fill="#ffffff"/>`,
    ...body,
    '</svg>\n',
  ].join('\n');
}

/** Rows are objects with the same keys; a number that is not finite becomes an empty field. */
export function renderCsv(rows) {
  const columns = Object.keys(rows[0] ?? {});
  const field = (value) => {
    if (typeof value === 'number') return Number.isFinite(value) ? String(round(value)) : '';
    const text = String(value ?? '');
    return /[",\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  const lines = rows.map((row) => columns.map((column) => field(row[column])).join(','));
  return `${[columns.join(','), ...lines].join('\n')}\n`;
}

function createScale({ log = false }, values, [from, to]) {
  const least = Math.min(...values);
  const most = Math.max(...values);
  const ticks =
    values.length === 0 ? [0, 1] : log ? logTicks(least, most) : linearTicks(Math.min(0, least), most);
  const place = log ? Math.log10 : (value) => value;
  const first = place(ticks[0]);
  const span = place(ticks.at(-1)) - first || 1;
  return { ticks, at: (value) => round(from + ((place(value) - first) / span) * (to - from)) };
}

/** 1, 2 and 5 of each power of ten, from the last at or below the least to the first at or above the greatest. */
function logTicks(least, most) {
  const all = [];
  for (let power = Math.floor(Math.log10(least)); power <= Math.ceil(Math.log10(most)); power++) {
    for (const digit of [1, 2, 5]) all.push(Number(`${digit}e${power}`));
  }
  const first = all.findLastIndex((tick) => tick <= least);
  const last = all.findIndex((tick) => tick >= most);
  const ticks = all.slice(Math.max(0, first), last + 1);
  return ticks.length > 1 ? ticks : [ticks[0], ticks[0] * 2];
}

function linearTicks(least, most) {
  const rough = (most - least || 1) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((digit) => digit * power >= rough) ?? 10);
  const first = Math.floor(least / step);
  const count = Math.max(1, Math.ceil(most / step) - first);
  return Array.from({ length: count + 1 }, (_, i) => round((first + i) * step));
}

function xTick(value, at) {
  const bottom = size.height - size.bottom;
  return `<path d="M${at} ${bottom}V${size.top}" stroke="#eaeef2"/><text x="${at}" y="${bottom + 16}" text-anchor="middle">${formatTick(value)}</text>`;
}

function yTick(value, at) {
  const right = size.width - size.right;
  return `<path d="M${size.left} ${at}H${right}" stroke="#d0d7de"/><text x="${size.left - 8}" y="${at + 4}" text-anchor="end">${formatTick(value)}</text>`;
}

function axisLabels(x, y) {
  const middle = (size.top + size.height - size.bottom) / 2;
  return [
    `<text x="${(size.left + size.width - size.right) / 2}" y="${size.height - 12}" text-anchor="middle">${escapeXml(x.label)}</text>`,
    `<text transform="translate(18 ${middle}) rotate(-90)" text-anchor="middle">${escapeXml(y.label)}</text>`,
  ].join('\n');
}

function limitLine({ label }, at) {
  const right = size.width - size.right;
  return `<path d="M${size.left} ${at}H${right}" stroke="#57606a" stroke-dasharray="6 4"/><text x="${size.left + 6}" y="${at - 5}">${escapeXml(label)}</text>`;
}

function curve({ name, points }, { across, up, i }) {
  const colour = colours[i % colours.length];
  const places = points.map(([a, b]) => [across.at(a), up.at(b)]);
  const dots = places.map(([a, b]) => `<circle cx="${a}" cy="${b}" r="3" fill="${colour}"/>`);
  const key = { left: size.width - size.right + 40, top: size.top + 18 * i };
  return [
    `<polyline points="${places.map((place) => place.join(',')).join(' ')}" fill="none" stroke="${colour}" stroke-width="2"/>`,
    // Beyond some points the dots hide the line.
    ...(dots.length <= 40 ? dots : []),
    `<path d="M${key.left} ${key.top}h20" stroke="${colour}" stroke-width="2"/><text x="${key.left + 26}" y="${key.top + 4}">${escapeXml(name)}</text>`,
  ].join('\n');
}

function formatTick(value) {
  return Math.abs(value) >= 1000 ? value.toLocaleString('en-US') : String(value);
}

function round(value) {
  return Math.round(value * 1000) / 1000;
}

function escapeXml(text) {
  return text.replace(/[&<>"]/g, (char) => `&#${char.codePointAt(0)};`);
}
