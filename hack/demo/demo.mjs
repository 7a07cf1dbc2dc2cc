// The demo behind `npm start`, step by step, each step run as a user would run it. Every step checks what it claims.
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../setup.mjs';
import { findTool } from '../tools.mjs';
import { applyWithOwnClient } from './apply.mjs';
import { freePort, lastLines, ours, pause, run, start, stopAll, until } from './processes.mjs';

const clusters = [
  { name: 'cluster1', kubernetesVersion: '1.20', port: 7441, cronJobs: 'batch/v1beta1' },
  { name: 'cluster2', kubernetesVersion: '1.32', port: 7442, cronJobs: 'batch/v1' },
];
const exampleFile = join('examples', 'hello.work.yaml');

/** Returns the exit code. */
export async function runDemo({ once, clean }) {
  const state = join(root, '.flotilla', once ? 'once' : 'demo');
  const pidFile = join(state, 'pid');
  const other = runningPid(pidFile);
  if (other !== undefined) {
    say(
      `A demo is already running here (process ${other}). Go on with it, or stop it with Ctrl-C in its terminal (or: kill ${other}).`,
    );
    return 1;
  }
  if (once || clean) rmSync(state, { recursive: true, force: true });
  const goesOn = existsSync(join(state, 'hub'));
  if (goesOn)
    say(
      `Found the state of an earlier run in ${relative(state)}: going on with it (begin anew with: npm start -- --clean).`,
    );
  mkdirSync(state, { recursive: true });
  writeFileSync(pidFile, String(process.pid));

  const demo = { once, goesOn, state, logDir: join(state, 'logs'), times: [], entries: {} };
  const stopping = new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => resolve(signal));
  });
  let code = 0;
  try {
    const signal = await Promise.race([runSteps(demo).then(() => undefined), stopping]);
    if (signal === undefined && !once) {
      printNextCommands(demo);
      await Promise.race([stopping, watchProcesses(demo)]);
    }
    if (signal !== undefined && once) code = 130;
  } catch (error) {
    say(`\nFAILED at "${demo.step ?? 'start'}": ${error.message}`);
    say(`Logs: ${relative(demo.logDir)}`);
    code = 1;
  }
  demo.isStopping = true;
  if (!once) say('\nStopping ...');
  await stopAll();
  rmSync(pidFile, { force: true });
  if (once && code === 0) {
    const total = demo.times.reduce((sum, { ms }) => sum + ms, 0);
    const each = demo.times.map(({ step, ms }) => `${step} ${seconds(ms)}`).join(', ');
    say(`\nAll of it came true in ${seconds(total)}: ${each}.`);
    rmSync(state, { recursive: true, force: true });
  }
  return code;
}

async function runSteps(demo) {
  await step(demo, 'hub', 'Starting a hub on the embedded store', () => startHub(demo));
  await step(demo, 'clusters', 'Starting two stand-in clusters', () => startClusters(demo));
  await step(demo, 'join', 'Joining them with klusterlets', () => joinClusters(demo));
  await step(demo, 'approve', 'Approving them on the hub', () => approveClusters(demo));
  await step(demo, 'apply', `Applying ${exampleFile} to the hub`, () => applyWork(demo));
  await step(demo, 'status', 'Waiting for the status to come back', () => showStatus(demo));
  await step(demo, 'check', 'Reading the stand-in clusters back', () => checkClusters(demo));
}

async function step(demo, name, title, action) {
  demo.step = title;
  say(`\n==> ${title}`);
  const began = performance.now();
  await action();
  demo.times.push({ step: name, ms: performance.now() - began });
}

async function startHub(demo) {
  const port = await choosePort('hub', 6443);
  demo.hubUrl = `https://127.0.0.1:${port}`;
  demo.hubKubeconfig = join(demo.state, 'hub.kubeconfig');
  const args = [
    'serve',
    '--data-dir',
    join(demo.state, 'hub'),
    '--listen',
    `127.0.0.1:${port}`,
    '--kubeconfig',
    demo.hubKubeconfig,
  ];
  say(`  hub ${args.map(relative).join(' ')}`);
  demo.entries.hub = start('hub', 'hub', args, demo);
  await until(
    'The hub',
    async () => {
      const found =
        existsSync(demo.hubKubeconfig) && ours('hub', ['clusters', '--kubeconfig', demo.hubKubeconfig]);
      return found?.ok ? { done: true } : { why: found?.stderr };
    },
    { watching: [demo.entries.hub] },
  );
  say(`  ready at ${demo.hubUrl}, kubeconfig ${relative(demo.hubKubeconfig)}`);
}

async function startClusters(demo) {
  for (const cluster of clusters) {
    const port = await choosePort(cluster.name, cluster.port);
    cluster.kubeconfig = join(demo.state, `${cluster.name}.kubeconfig`);
    const args = [
      '--profile',
      'cluster',
      '--kubernetes-version',
      cluster.kubernetesVersion,
      '--data-dir',
      join(demo.state, cluster.name),
    ];
    args.push('--listen', `127.0.0.1:${port}`, '--kubeconfig', cluster.kubeconfig);
    say(`  apiserver ${args.map(relative).join(' ')}`);
    rmSync(cluster.kubeconfig, { force: true });
    cluster.entry = start(cluster.name, 'apiserver', args, demo);
  }
  for (const cluster of clusters) {
    await until(cluster.name, () => ({ done: existsSync(cluster.kubeconfig) }), {
      watching: [cluster.entry],
    });
  }
}

async function joinClusters(demo) {
  for (const cluster of clusters) {
    const dataDir = join(demo.state, `klusterlet-${cluster.name}`);
    const isJoined = existsSync(join(dataDir, 'hub', 'kubeconfig'));
    let args = ['run', '--data-dir', dataDir];
    if (!isJoined) {
      const token = must(
        ours('hub', ['token', 'create', '--cluster', cluster.name, '--kubeconfig', demo.hubKubeconfig]),
      );
      args = [
        'join',
        token.trim(),
        '--name',
        cluster.name,
        '--kubeconfig',
        cluster.kubeconfig,
        '--data-dir',
        dataDir,
      ];
    }
    say(
      `  klusterlet ${args.map((arg) => (arg.startsWith('https:') ? `'${arg}'` : relative(arg))).join(' ')}`,
    );
    cluster.klusterlet = start(`klusterlet-${cluster.name}`, 'klusterlet', args, demo);
  }
}

async function approveClusters(demo) {
  const watching = clusters.map(({ klusterlet }) => klusterlet);
  const kubeconfig = ['--kubeconfig', demo.hubKubeconfig];
  if (!demo.goesOn) {
    await until(
      'The certificate requests',
      async () => {
        const list = JSON.parse(must(ours('hub', ['csr', 'list', '-o', 'json', ...kubeconfig])));
        const waiting = list.items.map(
          (csr) => csr.metadata.labels['open-cluster-management.io/cluster-name'],
        );
        return {
          done: clusters.every(({ name }) => waiting.includes(name)),
          why: `waiting: ${waiting.join(', ')}`,
        };
      },
      { watching },
    );
    say('  hub csr list');
    say(indent(must(ours('hub', ['csr', 'list', ...kubeconfig]))));
    say('  hub approve cluster1 cluster2');
    say(indent(must(ours('hub', ['approve', 'cluster1', 'cluster2', ...kubeconfig]))));
  }
  await until(
    'Joined and Available',
    async () => {
      const list = JSON.parse(must(ours('hub', ['clusters', '-o', 'json', ...kubeconfig])));
      const ready = list.items.filter(
        (item) => isTrue(item, 'ManagedClusterJoined') && isTrue(item, 'ManagedClusterConditionAvailable'),
      );
      return {
        done: ready.length === clusters.length,
        why: `${ready.length} of ${clusters.length} clusters are`,
      };
    },
    { watching },
  );
  say('  hub clusters');
  say(indent(must(ours('hub', ['clusters', ...kubeconfig]))));
}

async function applyWork(demo) {
  const file = join(root, exampleFile);
  if (!findTool('kubectl', say)) {
    say("The hub's own client stands in for it here.");
    say(indent(await applyWithOwnClient(demo.hubKubeconfig, readFileSync(file, 'utf8'))));
    return;
  }
  say(`  kubectl --kubeconfig ${relative(demo.hubKubeconfig)} apply -f ${exampleFile}`);
  say(indent(must(run('kubectl', ['--kubeconfig', demo.hubKubeconfig, 'apply', '-f', file]))));
}

async function showStatus(demo) {
  await until(
    'Applied and Available works with feedback',
    async () => {
      const list = JSON.parse(must(ours('hub', ['works', '-o', 'json', '--kubeconfig', demo.hubKubeconfig])));
      const done = list.items.filter((work) => workIsDone(work));
      return { done: done.length === clusters.length, why: `${done.length} of ${clusters.length} works are` };
    },
    { watching: clusters.map(({ klusterlet }) => klusterlet) },
  );
  say('  hub works --manifests');
  say(indent(must(ours('hub', ['works', '--manifests', '--kubeconfig', demo.hubKubeconfig]))));
}

function workIsDone(work) {
  const ready = work.status?.resourceStatus?.manifests
    ?.flatMap((manifest) => manifest.statusFeedback?.values ?? [])
    .find((value) => value.name === 'ReadyReplicas');
  const current = (work.status?.conditions ?? []).every(
    (condition) => (condition.observedGeneration ?? work.metadata.generation) === work.metadata.generation,
  );
  return current && isTrue(work, 'Applied') && isTrue(work, 'Available') && ready?.fieldValue.integer === 2;
}

/** The klusterlets' word is not enough: the clusters themselves must hold what was asked. */
async function checkClusters() {
  const { createClient } = await import('@flotilla/kube');
  const { createNodeEnv, transportFromKubeconfig } = await import('@flotilla/kube/node');
  const env = createNodeEnv({ logLevel: 'error' });
  for (const cluster of clusters) {
    const { transport } = await transportFromKubeconfig({ file: cluster.kubeconfig }, { env });
    const client = createClient(transport, { userAgent: 'flotilla-demo' });
    try {
      const paths = {
        ConfigMap: '/api/v1/namespaces/hello/configmaps/greeting',
        Deployment: '/apis/apps/v1/namespaces/hello/deployments/web',
        Service: '/api/v1/namespaces/hello/services/web',
        CronJob: `/apis/${cluster.cronJobs}/namespaces/hello/cronjobs/tick`,
      };
      for (const [kind, path] of Object.entries(paths)) {
        const object = JSON.parse(await client.getText(path));
        if (kind === 'ConfigMap' && object.data?.text !== 'hello from the hub')
          throw new Error(`${cluster.name}: the ConfigMap has other data`);
        if (kind === 'Deployment' && object.status?.readyReplicas !== 2)
          throw new Error(`${cluster.name}: the Deployment is not ready`);
      }
      say(
        `  ${cluster.name} (Kubernetes ${cluster.kubernetesVersion}): all there, the CronJob as ${cluster.cronJobs}`,
      );
    } finally {
      await transport.close();
    }
  }
}

function printNextCommands(demo) {
  const hub = relative(demo.hubKubeconfig);
  const [first] = clusters;
  say(`
It stays up until Ctrl-C. Try, from the clone:
  kubectl --kubeconfig ${hub} get managedclusters,manifestworks -A        # the hub
  kubectl --kubeconfig ${relative(first.kubeconfig)} -n hello get all     # what the klusterlet applied in ${first.name}
  kubectl --kubeconfig ${relative(first.kubeconfig)} -n hello delete configmap greeting   # it comes back at once
  kill -STOP ${first.klusterlet.child.pid}; sleep 5; kill -CONT ${first.klusterlet.child.pid}   # cut ${first.name}'s klusterlet off for a while
  kubectl --kubeconfig ${hub} delete -f ${exampleFile}                    # clean up
Logs: ${relative(demo.logDir)}. Forget everything: npm start -- --clean`);
}

/** Ends when one of the demo's processes does, which none should. */
async function watchProcesses(demo) {
  const entries = [demo.entries.hub, ...clusters.flatMap(({ entry, klusterlet }) => [entry, klusterlet])];
  const told = new Set();
  while (told.size < entries.length && !demo.isStopping) {
    for (const entry of entries) {
      if (entry.exited === undefined || told.has(entry)) continue;
      told.add(entry);
      say(`${entry.name} ended (${entry.exited}): ${lastLines(entry, 2)}`);
    }
    await pause(200);
  }
}

async function choosePort(name, wanted) {
  const port = await freePort(wanted);
  if (port !== wanted) say(`  port ${wanted} for ${name} is taken: using ${port}`);
  return port;
}

function runningPid(file) {
  if (!existsSync(file)) return undefined;
  const pid = Number(readFileSync(file, 'utf8'));
  try {
    process.kill(pid, 0);
    return pid;
  } catch {
    return undefined; // that process is gone
  }
}

function must(result) {
  if (!result.ok) throw new Error((result.stderr || result.stdout).trim());
  return result.stdout;
}

function isTrue(object, type) {
  return (
    object.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ===
    true
  );
}

function relative(path) {
  return path.startsWith(`${root}/`) ? path.slice(root.length + 1) : path;
}

function indent(text) {
  return text.trimEnd().replace(/^/gm, '    ');
}

function seconds(ms) {
  return `${(ms / 1000).toFixed(1)} s`;
}

function say(text) {
  process.stdout.write(`${text}\n`);
}
