// The benchmark's command line. Loads nothing that has to be built first.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { checkTarget, foreignParts } from './target.mjs';

const parts = [
  ...['start', 'klusterlet', 'commands', 'work', 'thousand', 'join', 'server'],
  ...['manifests', 'scale', 'watchers', 'fleet', 'saturation'],
];

const flags = {
  only: { type: 'string', multiple: true, default: [] },
  runs: { type: 'string', default: '3' },
  works: { type: 'string', default: '1000' },
  clusters: { type: 'string', default: '1000' },
  p99: { type: 'string', default: '50' },
  json: { type: 'string' },
  curves: { type: 'string' },
  'cpu-prof': { type: 'string' },
  'heap-snapshot': { type: 'string' },
  'hub-kubeconfig': { type: 'string' },
  agent: { type: 'string', default: 'own' },
  cluster: { type: 'string' },
  'managed-kubeconfig': { type: 'string' },
  'hub-pid': { type: 'string', multiple: true, default: [] },
  'agent-pid': { type: 'string', multiple: true, default: [] },
  'managed-pid': { type: 'string', multiple: true, default: [] },
  'no-build': { type: 'boolean', default: false },
  help: { type: 'boolean', short: 'h', default: false },
};

const usage = `usage: npm run bench -- [options]
  --only NAME     one of ${parts.join(', ')}; may be given several times
  --runs N        repetitions, of which the median counts; default 3
  --works N       works of thousand and manifests, at most as many of work; default 1000
  --clusters N    clusters of fleet, and the most of saturation; default 1000
  --p99 MS        when saturation calls a step too much; default 50
  --curves DIR    with --only saturation: its curves as CSV and SVG
  --json FILE     also write everything measured to FILE
  --cpu-prof DIR  a CPU profile of each hub, API server and klusterlet; the figures suffer
  --heap-snapshot DIR  a heap snapshot of each of them before it is stopped
  --no-build      measure what is built already

another system under the same load (${foreignParts.join(', ')}):
  --hub-kubeconfig FILE      a hub that is there already: any Kubernetes API with OCM's definitions
  --agent external           start no klusterlet: one follows --cluster's works already
  --cluster NAME             its name on that hub; of our own agent's its beginning, default cluster1
  --managed-kubeconfig FILE  the cluster of an external agent
  --hub-pid, --agent-pid, --managed-pid PID  whose CPU and memory to measure; may be given several times
`;

/** Ends the process: 0 after --help, 2 with one sentence when something does not fit. */
export function readOptions(args) {
  try {
    const { values } = parseArgs({ args, options: flags });
    if (values.help) {
      process.stdout.write(usage);
      process.exit(0);
    }
    return checked(values);
  } catch (error) {
    process.stderr.write(`${error.message}\n${usage}`);
    process.exit(2);
  }
}

function checked(values) {
  const unknown = values.only.find((name) => !parts.includes(name));
  if (unknown !== undefined) throw new Error(`there is no part ${JSON.stringify(unknown)}`);
  if (values.curves !== undefined && !values.only.includes('saturation')) {
    throw new Error('--curves needs --only saturation');
  }
  const target = {
    agent: values.agent,
    hubKubeconfig: values['hub-kubeconfig'],
    cluster: values.cluster,
    managedKubeconfig: values['managed-kubeconfig'],
    pids: {
      hub: pidsOf(values, 'hub-pid'),
      klusterlet: pidsOf(values, 'agent-pid'),
      cluster: pidsOf(values, 'managed-pid'),
    },
  };
  checkTarget(target, values.only);
  const path = (name) => (values[name] === undefined ? undefined : resolve(values[name]));
  return {
    only: values.only,
    runs: numberOf(values, 'runs', 99),
    works: numberOf(values, 'works', 99_999),
    clusters: numberOf(values, 'clusters', 99_999),
    p99Ms: numberOf(values, 'p99', 99_999),
    target,
    json: path('json'),
    curvesDirectory: path('curves'),
    profileDirectory: path('cpu-prof'),
    snapshotDirectory: path('heap-snapshot'),
    build: !values['no-build'],
  };
}

function numberOf(values, name, most) {
  const number = Number(values[name]);
  if (/^[1-9]\d*$/.test(values[name]) && number <= most) return number;
  throw new Error(`--${name} takes a number from 1 to ${most}`);
}

function pidsOf(values, name) {
  return values[name].map((text) => {
    if (!/^[1-9]\d*$/.test(text)) throw new Error(`--${name} takes the number of a process`);
    if (!existsSync(`/proc/${text}`)) throw new Error(`--${name}: there is no process ${text}`);
    return Number(text);
  });
}
