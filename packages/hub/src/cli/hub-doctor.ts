/**
 * `hub doctor`: looks at a hub from here, and at its data directory when it is on this machine, and says what is wrong
 * and how to mend it. It changes nothing.
 */
import { stat } from 'node:fs/promises';
import { type Env, parseCertificate, splitCertificates, wellKnown } from '@flotilla/kube';
import {
  Checklist,
  checkClock,
  checkDirectory,
  type Finding,
  failure,
  judgeCertificate,
  ok,
  warning,
} from '@flotilla/kube/cli';
import { probeTls } from '@flotilla/kube/node';
import { checkAdvertised, checkJoinAddresses, hostOf } from './address-checks.js';
import { type Connection, connect, defaultDataDir } from './connect.js';
import { checkClusters, checkControllers, checkExpiry, checkRequests, checkStuck } from './fleet-checks.js';

export interface DoctorOptions {
  /** Absent: the usual one, when there is one on this machine. */
  readonly dataDir?: string;
  readonly kubeconfig?: string;
  readonly stuckAfterMs: number;
}

const remote = [
  'certificates',
  'join addresses',
  'advertised addresses',
  'clock',
  'store',
  'controllers',
  'clusters',
  'expiry',
  'certificate requests',
  'deletions',
] as const;

export async function examineHub(env: Env, options: DoctorOptions): Promise<Checklist> {
  const list = new Checklist();
  await list.run('data directory', () => checkDataDirectory(options.dataDir));
  let hub: Connection | undefined;
  try {
    await list.run(
      'hub',
      async () => {
        hub = await connect(env, options);
        const version = JSON.parse(await hub.client.getText('/version', { timeoutMs: 10_000 })) as {
          gitVersion?: string;
        };
        return ok(`${hub.server} answers (${version.gitVersion ?? 'of unknown version'})`);
      },
      { fix: 'start it with "hub serve", or name its kubeconfig by --kubeconfig' },
    );
    const open = (): Connection => {
      if (hub === undefined) throw new Error('the hub is not connected');
      return hub;
    };
    const checks: Readonly<Record<(typeof remote)[number], () => Promise<Finding | readonly Finding[]>>> = {
      certificates: () => checkCertificates(open()),
      'join addresses': () => checkJoinAddresses(open()),
      'advertised addresses': () => checkAdvertised(open()),
      clock: () => checkClock(open().client.transport, { clock: env.clock, server: 'the hub' }),
      store: () => checkStore(open()),
      controllers: () => checkControllers(open()),
      clusters: () => checkClusters(open()),
      expiry: () => checkExpiry(open()),
      'certificate requests': () => checkRequests(open()),
      deletions: () => checkStuck(open(), options.stuckAfterMs),
    };
    for (const name of remote) await list.run(name, checks[name], { needs: ['hub'] });
    return list;
  } finally {
    await hub?.close();
  }
}

/** Keys and tokens of the hub lie there. */
const isSecret = (name: string): boolean => /\.key$|kubeconfig$/.test(name);

async function checkDataDirectory(given: string | undefined): Promise<readonly Finding[]> {
  const directory = given ?? defaultDataDir();
  const isThere = await stat(directory).then(
    () => true,
    () => false,
  );
  if (isThere) return checkDirectory(directory, { secrets: isSecret });
  if (given === undefined)
    return [
      {
        verdict: 'skip',
        message: `there is none at ${directory}: the hub is elsewhere, or has another one (--data-dir)`,
      },
    ];
  return [failure(`${directory} does not exist`, 'name the directory that "hub serve --data-dir" has')];
}

/** As the hub shows them: leaf and authority. */
async function checkCertificates({ server, env, ca }: Connection): Promise<readonly Finding[]> {
  const { certificates } = await probeTls({ ...hostOf(server), clock: env.clock, label: 'hub' });
  const nowMs = env.clock.now();
  const [leaf] = certificates;
  const findings: Finding[] = [];
  if (leaf !== undefined)
    findings.push(
      judgeCertificate(parseCertificate(leaf), {
        what: 'the serving certificate',
        nowMs,
        fix: 'start the hub anew: it makes another; one of your own (--tls-cert-file) has to be renewed where it came from',
      }),
    );
  for (const authority of ca === undefined ? [] : splitCertificates(ca))
    findings.push(
      judgeCertificate(parseCertificate(authority), {
        what: "the hub's authority",
        nowMs,
        fix: '"hub ca roll" makes another, and klusterlets follow by themselves; "hub ca finish" ends it',
      }),
    );
  return findings;
}

/** What the hub says of its own readiness, and how long it takes for a read that has to ask its store. */
async function checkStore({ client, env }: Connection): Promise<Finding> {
  const response = await client.transport.request({
    method: 'GET',
    path: '/readyz?verbose',
    timeoutMs: 10_000,
  });
  const text = Buffer.from(await response.bytes()).toString('utf8');
  const bad = text.split('\n').filter((line) => line.startsWith('[-]'));
  if (response.status !== 200)
    return failure(
      `the hub is not ready: ${bad.length > 0 ? bad.join('; ') : text.trim()}`,
      'see the log of "hub serve"; with --etcd-servers, whether etcd has a quorum; else, whether the disk of the data directory is full',
    );
  const startMs = env.clock.monotonicMs();
  await client.list(wellKnown.namespaces, { metadataOnly: true, timeoutMs: 10_000 });
  const tookMs = Math.round(env.clock.monotonicMs() - startMs);
  return tookMs < 2000
    ? ok(`ready; a read took ${tookMs} ms`)
    : warning(
        `ready, but a read took ${tookMs} ms`,
        'see docs/performance.md: the machine, its disk or etcd is overloaded',
      );
}
