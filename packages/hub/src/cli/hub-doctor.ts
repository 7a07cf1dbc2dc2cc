/**
 * `hub doctor`: looks at a hub from here, and at its data directory when it is on this machine, and says what is wrong
 * and how to mend it. It changes nothing.
 */
import { stat } from 'node:fs/promises';
import type { KubeObject } from '@flotilla/api';
import {
  type Env,
  parseCertificate,
  publicKeyHash,
  splitCertificates,
  toPem,
  wellKnown,
} from '@flotilla/kube';
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
import { bootstrapTokenNamespace } from '../tokens/bootstrap-token.js';
import { readTerms } from '../tokens/token-terms.js';
import { type Connection, connect, defaultDataDir } from './connect.js';
import { checkClusters, checkControllers, checkRequests, checkStuck } from './fleet-checks.js';

export interface DoctorOptions {
  /** Absent: the usual one, when there is one on this machine. */
  readonly dataDir?: string;
  readonly kubeconfig?: string;
  readonly stuckAfterMs: number;
}

const remote = [
  'certificates',
  'join addresses',
  'clock',
  'store',
  'controllers',
  'clusters',
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
      'join addresses': () => checkAddresses(open()),
      clock: () => checkClock(open().client.transport, { clock: env.clock, server: 'the hub' }),
      store: () => checkStore(open()),
      controllers: () => checkControllers(open()),
      clusters: () => checkClusters(open()),
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
  const { certificates } = await probeTls({ ...addressOf(server), clock: env.clock, label: 'hub' });
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

function addressOf(server: string): { host: string; port: number } {
  const url = new URL(server);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) };
}

/** Those that join strings which are still good were made with. */
async function checkAddresses({ client, env, server, ca }: Connection): Promise<readonly Finding[]> {
  const { items } = await client.list<KubeObject>(wellKnown.secrets, {
    namespace: bootstrapTokenNamespace,
    fieldSelector: 'type=bootstrap.kubernetes.io/token',
  });
  const servers = [...new Set([server, ...items.flatMap((secret) => readTerms(secret).servers ?? [])])];
  // While the authority is rolled there are two.
  const pins = ca === undefined ? undefined : splitCertificates(ca).map((each) => publicKeyHash(each));
  const findings: Finding[] = [];
  for (const address of servers) {
    const fix = `make new join strings with an address that clusters reach ("hub token create --server"), or let ${address} lead to the hub`;
    try {
      const { certificates } = await probeTls({
        ...addressOf(address),
        clock: env.clock,
        label: 'hub',
        timeoutMs: 5000,
      });
      const isPinned = pins === undefined || certificates.some((each) => pins.includes(publicKeyHash(each)));
      const names =
        certificates[0] === undefined ? undefined : parseCertificate(toPem('CERTIFICATE', certificates[0]));
      const { host } = addressOf(address);
      if (!isPinned)
        findings.push(failure(`${address} does not show the authority that join strings pin`, fix));
      else if (names !== undefined && ![...names.dnsNames, ...names.ipAddresses].includes(host))
        findings.push(
          failure(
            `the certificate that ${address} shows is for other names: ${[...names.dnsNames, ...names.ipAddresses].join(', ')}`,
            `start the hub with --advertise ${address}`,
          ),
        );
      else findings.push(ok(`${address} is reached from here`));
    } catch (error) {
      findings.push(failure(error instanceof Error ? error.message : String(error), fix));
    }
  }
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
