// The catalogue of figures: what each is called, its unit, and its budget where design or docs name one.
// `atLeast` turns the ratio round, so that in every row a ratio above 1 means: over budget.
import { median, percentile } from './statistics.mjs';

const sideTitles = { hub: 'hub', klusterlet: 'agent', cluster: 'managed API server' };

/** What `recordUse` records. */
function useOf(part, { cpu, cpuUnit }) {
  return Object.fromEntries(
    Object.entries(sideTitles).flatMap(([side, title]) => [
      [`${part}.${side}Cpu`, { title: `  ${title}: ${cpu}`, unit: cpuUnit }],
      [`${part}.${side}Peak`, { title: '    peak resident', unit: 'MiB' }],
    ]),
  );
}

export const figures = {
  'start.hub': { title: 'hub, empty store: start to ready', unit: 's', budget: 0.7 },
  'start.hub.cpu': { title: '  CPU until then', unit: 's' },
  'start.hub.rss3': { title: 'hub, empty store: resident after 3 s idle', unit: 'MiB', budget: 120 },
  'start.hub.rss10': { title: 'hub, empty store: resident after 10 s idle', unit: 'MiB', budget: 120 },
  'start.hub.peak': { title: '  peak resident until then', unit: 'MiB' },
  'start.hub.restart': { title: 'hub, store of its last run: start to ready', unit: 's', budget: 0.7 },
  'start.apiserver': { title: 'apiserver --profile cluster: start to ready', unit: 's' },
  'start.apiserver.cpu': { title: '  CPU until then', unit: 's' },
  'start.apiserver.rss3': {
    title: 'apiserver --profile cluster: resident after 3 s idle',
    unit: 'MiB',
  },
  'start.apiserver.rss10': { title: 'apiserver --profile cluster: resident after 10 s idle', unit: 'MiB' },
  'start.apiserver.peak': { title: '  peak resident until then', unit: 'MiB' },
  'klusterlet.rss3': { title: 'klusterlet, 10 works: resident after 3 s idle', unit: 'MiB', budget: 80 },
  'klusterlet.rss10': { title: 'klusterlet, 10 works: resident after 10 s idle', unit: 'MiB', budget: 80 },
  'klusterlet.peak': { title: '  peak resident from the first work on', unit: 'MiB' },
  'klusterlet.cpu': { title: 'klusterlet, 10 works, idle: CPU', unit: 'ms/s' },
  'klusterlet.hubCpu': { title: 'hub, one cluster, idle: CPU', unit: 'ms/s' },
  'klusterlet.hubPeak': { title: '  peak resident', unit: 'MiB' },
  'commands.clusters': { title: 'hub clusters', unit: 'ms', budget: 300 },
  'commands.clustersWide': { title: 'hub clusters -o wide', unit: 'ms', budget: 300 },
  'commands.works': { title: 'hub works', unit: 'ms', budget: 300 },
  'commands.worksOf': { title: 'hub works CLUSTER --manifests', unit: 'ms', budget: 300 },
  'commands.why': { title: 'hub why', unit: 'ms', budget: 300 },
  'commands.history': { title: 'hub works history', unit: 'ms', budget: 300 },
  'commands.csrList': { title: 'hub csr list', unit: 'ms', budget: 300 },
  'commands.ca': { title: 'hub ca', unit: 'ms', budget: 300 },
  'commands.token': { title: 'hub token create', unit: 'ms', budget: 300 },
  'commands.status': { title: 'klusterlet status', unit: 'ms', budget: 300 },
  'commands.help': { title: 'hub --help', unit: 'ms', budget: 300 },
  'commands.complete': { title: 'TAB after hub why -n CLUSTER', unit: 'ms', budget: 300 },
  'commands.hubDoctor': { title: 'hub doctor', unit: 'ms' },
  'commands.klusterletDoctor': { title: 'klusterlet doctor', unit: 'ms' },
  'work.p50': { title: 'one work: create -> status seen on the hub, p50', unit: 'ms', budget: 10 },
  'work.p99': { title: 'one work: create -> status seen on the hub, p99', unit: 'ms', budget: 50 },
  'work.created': { title: '  of that: create acknowledged (durable), p50', unit: 'ms' },
  'work.applied': { title: '  of that: object seen in the managed cluster, p50', unit: 'ms' },
  'work.status': { title: '  of that: Applied seen on the hub, p50', unit: 'ms' },
  'work.available': { title: '  create -> Applied and Available seen on the hub, p50', unit: 'ms' },
  'work.hubWrites': { title: '  versions of the work that the hub showed, mean', unit: '' },
  ...useOf('work', { cpu: 'CPU of one work', cpuUnit: 'ms' }),
  'thousand.seconds': { title: '1,000 works: all Applied and Available on the hub', unit: 's', budget: 5 },
  'thousand.created': { title: '  of that: all creates acknowledged', unit: 's' },
  ...useOf('thousand', { cpu: 'CPU', cpuUnit: 's' }),
  'thousand.hubRss': { title: '  hub: resident a second after', unit: 'MiB' },
  'thousand.klusterletRss': { title: '  agent: resident a second after', unit: 'MiB' },
  'thousand.clusterRss': { title: '  managed API server: resident a second after', unit: 'MiB' },
  'join.perSecond': {
    title: 'join: token -> accepted -> certificate in use',
    unit: '/s',
    budget: 50,
    atLeast: true,
  },
  'join.p50': { title: '  one join, 16 at a time, p50', unit: 'ms' },
  'join.hubCpu': { title: '  hub: CPU of one join', unit: 'ms' },
  'join.hubPeak': { title: '  hub: peak resident', unit: 'MiB' },
  'fleet.clusters': { title: 'fleet: simulated clusters', unit: '' },
  'fleet.joins': {
    title: '  joins while those before are at work',
    unit: '/s',
    budget: 50,
    atLeast: true,
  },
  'fleet.lastJoins': { title: '    the last tenth of them', unit: '/s' },
  'fleet.joinCpu': { title: '    hub: CPU of one join, first status and leases included', unit: 'ms' },
  'fleet.joinLag': { title: '    event loop late by at most', unit: 'ms', budget: 50 },
  'fleet.available': { title: '  last join -> all Available', unit: 's' },
  'fleet.rss': { title: '  hub: resident with all of them', unit: 'MiB' },
  'fleet.peak': { title: '    peak', unit: 'MiB' },
  'fleet.memory': { title: '    for each of them', unit: 'KiB', budget: 210 },
  'fleet.anonymous': { title: "    of that without pages of the store's file", unit: 'KiB' },
  'fleet.steadyCpu': { title: '  hub: CPU when only leases are renewed, 60 s', unit: 'ms/s' },
  'fleet.steadyCpuEach': { title: '    for each cluster', unit: 'µs/s', budget: 50 },
  'fleet.steadyCpuMax': { title: '    in the busiest five seconds', unit: 'ms/s' },
  'fleet.steadyLag': { title: '    event loop late by at most', unit: 'ms', budget: 50 },
  'fleet.workEach': { title: '  a work for each: first create -> last status on the hub', unit: 's' },
  'fleet.workEachRate': {
    title: '    that is (10,000 within 30 s)',
    unit: '/s',
    budget: 333,
    atLeast: true,
  },
  'fleet.workEachCpu': { title: '    hub: CPU of one', unit: 'ms' },
  'fleet.workEachLag': { title: '    event loop late by at most', unit: 'ms', budget: 50 },
  'fleet.workEachRss': { title: '    hub: resident after', unit: 'MiB' },
  'fleet.lost': { title: '    clusters no longer Available', unit: '' },
  'server.get': { title: 'API server: GET, 64 at a time', unit: '/s' },
  'server.get.cpu': { title: '  server: CPU of one GET', unit: 'µs' },
  'server.create': { title: 'API server: CREATE, durable, 64 at a time', unit: '/s' },
  'server.patch': { title: 'API server: PATCH, durable, 64 at a time', unit: '/s' },
  'server.patch.cpu': { title: '  server: CPU of one PATCH', unit: 'µs' },
  'server.patch.alone': { title: 'API server: PATCH, durable, one at a time, p50', unit: 'ms' },
  'server.list': { title: 'API server: LIST of 1,000 objects of 1 KiB, p50', unit: 'ms' },
  'server.watch.p50': { title: 'API server: PATCH -> seen by 1,000 watchers, p50', unit: 'ms' },
  'server.watch.p99': { title: 'API server: PATCH -> seen by 1,000 watchers, p99', unit: 'ms' },
  'server.watch.memory': { title: '  server: memory of one watcher', unit: 'KiB' },
  'server.cpu': { title: '  server: CPU of all of that', unit: 's' },
  'server.peak': { title: '  server: peak resident', unit: 'MiB' },
  'manifests.created': { title: '1,000 works of 10 manifests: all creates acknowledged', unit: 's' },
  'manifests.applied': { title: '  all Applied on the hub', unit: 's' },
  'manifests.available': { title: '  all Available on the hub', unit: 's' },
  ...Object.fromEntries(
    Object.entries(sideTitles).flatMap(([side, title]) => [
      [`manifests.${side}Cpu`, { title: `  ${title}: CPU until then`, unit: 's' }],
      [`manifests.${side}Peak`, { title: '    peak resident until then', unit: 'MiB' }],
      [`manifests.${side}Rss3`, { title: '    resident after 3 s idle', unit: 'MiB' }],
      [`manifests.${side}Rss10`, { title: '    resident after 10 s idle', unit: 'MiB' }],
      [`manifests.${side}Rest`, { title: '    CPU at rest', unit: 'ms/s' }],
    ]),
  ),
  'manifests.drift': { title: '  drift in 100 objects at once: all corrected', unit: 's' },
  'manifests.driftP50': { title: '    one, p50', unit: 'ms' },
  'manifests.driftP99': { title: '    one, p99', unit: 'ms' },
  'manifests.unmanagedRss': {
    title: '  10,000 unmanaged ConfigMaps: klusterlet resident, more',
    unit: 'MiB',
  },
  'manifests.unmanagedCpu': { title: '    klusterlet: CPU while they came', unit: 's' },
  'scale.preload': { title: 'store: objects of 2 KiB written, durable, 1,000 at a time', unit: '/s' },
  'scale.start': { title: 'API server, 100,000 objects of 2 KiB: start to ready', unit: 's', budget: 10 },
  'scale.rss': { title: '  resident after 5 s idle', unit: 'MiB', budget: 1024 },
  'scale.rssAfter': { title: '  resident after all of what follows', unit: 'MiB' },
  'scale.peak': { title: '  peak resident', unit: 'MiB' },
  'scale.cpu': { title: '  CPU of all of it', unit: 's' },
  'scale.pages': { title: '  LIST of all in pages of 500', unit: 's' },
  'scale.page': { title: '  one such page, p50', unit: 'ms' },
  'scale.stream': { title: '  all by sendInitialEvents', unit: 's' },
  'scale.streamBytes': { title: '  that is', unit: 'MiB/s' },
  'scale.get': { title: '  GET, one at a time, p50', unit: 'ms' },
  'scale.gets': { title: '  GET, 64 at a time', unit: '/s' },
  'scale.readLag': { title: '  event loop late by at most, lists and reads', unit: 'ms', budget: 50 },
  ...Object.fromEntries(
    ['create', 'update', 'patch', 'apply'].flatMap((verb) => [
      ...[1, 16, 128].map((n) => [
        `scale.${verb}.${n}`,
        { title: `  ${verb.toUpperCase()}, durable, ${n} at a time`, unit: '/s' },
      ]),
      [`scale.${verb}.cpu`, { title: '    server: CPU of one', unit: 'µs' }],
    ]),
  ),
  'scale.writeLag': { title: '  event loop late by at most, writes', unit: 'ms', budget: 50 },
  ...Object.fromEntries(
    [1, 16, 128].map((n) => [
      `etcd.put.${n}`,
      { title: `etcd: put of 2 KiB by its HTTP gateway, ${n} at a time`, unit: '/s' },
    ]),
  ),
  'idle.rss': { title: 'API server, empty store: resident after 20 s idle', unit: 'MiB' },
  'idle.cpu': { title: '  CPU', unit: 'ms/s' },
  'watchers.memory': { title: '10,000 watchers: memory of one', unit: 'KiB' },
  'watchers.rss': { title: '  server: resident', unit: 'MiB' },
  'watchers.peak': { title: '  server: peak resident of all that follows', unit: 'MiB' },
  'watchers.cpu': { title: '  server: CPU of all of it', unit: 's' },
  'watchers.own.p50': { title: '  each its own object, 100 updates/s: update -> seen, p50', unit: 'ms' },
  'watchers.own.p99': { title: '  p99', unit: 'ms' },
  'watchers.own.cpu': { title: '    server: CPU', unit: 'ms/s' },
  'watchers.own.lag': { title: '    event loop late by at most', unit: 'ms', budget: 50 },
  'watchers.all.deliveries': { title: '  all everything: deliveries', unit: '/s' },
  'watchers.all.p99': { title: '  update -> seen by all 10,000, p99', unit: 'ms' },
  'watchers.all.cpu': { title: '    server: CPU of a delivery', unit: 'µs' },
  'watchers.all.lag': { title: '    event loop late by at most', unit: 'ms', budget: 50 },
  'watchers.slow.p99': { title: '  50 watchers beside one that does not read, 24 MB: p99', unit: 'ms' },
  'watchers.slow.memory': { title: '    server: memory meanwhile', unit: 'MiB' },
  'watchers.slow.dropped': { title: '    watchers dropped', unit: '' },
  'raw.get': { title: "Node's HTTP/2 alone, same client: GET of 1 KiB, 64 at a time", unit: '/s' },
  'raw.get.cpu': { title: '    server: CPU of one', unit: 'µs' },
  'raw.deliveries': { title: '  one line to 10,000 streams: deliveries', unit: '/s' },
  'raw.cpu': { title: '    server: CPU of a delivery', unit: 'µs' },
  'saturation.works': { title: 'saturation: works a second to one cluster within its p99', unit: '/s' },
  'saturation.worksOver': { title: '  the first rate that was not', unit: '/s' },
  'saturation.clusters': { title: 'saturation: clusters on one hub within its p99', unit: '' },
  'saturation.clustersOver': { title: '  the first number that was not', unit: '' },
};

/**
 * One row for each figure that was measured, in the catalogue's order: the median of the runs, their least and greatest,
 * and the quartiles. The budgets of a thousand works count for a thousand works only.
 */
export function summarize(measured, { works }) {
  return Object.entries(figures)
    .filter(([name]) => measured.has(name))
    .map(([name, figure]) => {
      const { unit, atLeast } = figure;
      const isOther = works !== 1000 && figure.title.includes('1,000 works');
      const budget = isOther ? undefined : figure.budget;
      const title = isOther ? figure.title.replace('1,000 works', `${works} works`) : figure.title;
      const runs = measured.get(name);
      const value = median(runs);
      const ratio = budget === undefined ? undefined : atLeast ? budget / value : value / budget;
      return {
        ...{ name, title, unit, value, runs },
        spread: {
          least: Math.min(...runs),
          quartile1: percentile(runs, 25),
          quartile3: percentile(runs, 75),
          greatest: Math.max(...runs),
        },
        ...(budget !== undefined && { budget, budgetIs: atLeast ? 'least' : 'greatest', ratio }),
      };
    });
}

export function renderTable(rows) {
  const cells = rows.map((row) => [
    row.title,
    `${formatNumber(row.value)} ${row.unit}`.trim(),
    row.budget === undefined
      ? ''
      : `${row.budgetIs === 'least' ? '>= ' : ''}${row.budget} ${row.unit}`.trim(),
    row.ratio === undefined ? '' : row.ratio.toFixed(2),
    row.runs.length > 1
      ? `${formatNumber(row.spread.least)} .. ${formatNumber(row.spread.greatest)}`
      : 'one run',
  ]);
  const lines = [['figure', 'measured', 'budget', 'ratio', 'spread'], ...cells];
  const widths = lines[0].map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]) : cell.padStart(widths[column])))
        .join('  '),
    )
    .map((line) => line.trimEnd())
    .join('\n');
}

function formatNumber(value) {
  const size = Math.abs(value);
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : 2);
}
