/**
 * `klusterlet doctor`: looks at all that a klusterlet needs, from its data directory to its place on the hub, and says
 * what is wrong and how to mend it. It changes nothing anywhere.
 */
import {
  clusterCondition,
  defaultLeaseDurationSeconds,
  findCondition,
  type KubeObject,
  leaseDurationTimes,
  type ManagedCluster,
  managedClusterLeaseName,
  parseTime,
} from '@flotilla/api';
import { createClient, type Env, type KubeClient, parseCertificate, wellKnown } from '@flotilla/kube';
import {
  CheckError,
  Checklist,
  checkClock,
  checkDirectory,
  type Finding,
  failure,
  formatRight,
  judgeCertificate,
  missingRights,
  ok,
  warning,
} from '@flotilla/kube/cli';
import { DirectoryInUseError, lockDirectory } from '@flotilla/kube/node';
import { alternativesOf, hubAt } from '../hub-address.js';
import type { HubCredentials, KlusterletConfig, KlusterletState } from '../registration/state.js';
import { createSavedWorks } from '../work/saved-works.js';
import { agentRights } from './agent-rights.js';
import { dialHub } from './connections.js';
import { checkHubApi } from './hub-checks.js';
import { checkHops } from './hub-hops.js';
import { checkManagedCluster } from './managed-checks.js';

export interface DoctorOptions {
  readonly env: Env;
  readonly state: KlusterletState;
  readonly config: KlusterletConfig;
}

export async function examineKlusterlet(options: DoctorOptions): Promise<Checklist> {
  const { env, state, config } = options;
  const list = new Checklist();
  await list.run('data directory', () =>
    checkDirectory(state.dataDir, {
      secrets: (name) => /\.key$|pending\.json$|next\.json$|kubeconfig$|renewal\.json$/.test(name),
    }),
  );
  await list.run('saved works', () => checkSavedWorks(options));
  const credentials = await state.readCredentials();
  await list.run('certificate', () => checkCertificate(options, credentials));
  await list.run('agent', () => checkAgent(options));
  await checkManagedCluster(list, { env, config });
  const reached = await checkHops(list, {
    env,
    servers: [config.hubServer, ...alternativesOf(config)],
    trust: { ca: config.hubCa },
    proxyUrl: config.proxyUrl,
  });
  const transport = dialHub(env, {
    ...hubAt(config),
    ...(reached && { server: reached.server, alternatives: [] }),
    ...(credentials && { credentials: () => credentials }),
  });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    const isUsable = reached !== undefined && credentials !== undefined;
    if (!isUsable) {
      const why = reached === undefined ? 'the hub is not reached' : 'there is no certificate to show';
      for (const check of hubChecks)
        list.add({ check, verdict: 'skip', message: `not looked at, as ${why}` });
      return list;
    }
    await list.run('clock', () => checkClock(transport, { clock: env.clock, server: 'the hub' }));
    await list.run('hub API', () => checkHubApi(hub), { fix: rejoin(config) });
    await list.run('identity', () => checkIdentity(hub, options), { needs: ['hub API'] });
    await list.run('hub rights', () => checkRights(hub, config), { needs: ['identity'] });
    await list.run('membership', () => checkMembership(hub, config), { needs: ['identity'] });
    await list.run('heartbeat', () => checkLease(hub, options), { needs: ['membership'] });
    return list;
  } finally {
    await transport.close();
  }
}

/** For a hub that does not believe the certificate. */
function rejoin({ clusterName }: KlusterletConfig): string {
  return `"hub token create --cluster ${clusterName}" on the hub, and "klusterlet join" with it here`;
}

const hubChecks = ['clock', 'hub API', 'identity', 'hub rights', 'membership', 'heartbeat'] as const;

/** What the journal complains of while it is read is what is wrong with it. */
async function checkSavedWorks({ env, state }: DoctorOptions): Promise<Finding> {
  const complaints: string[] = [];
  const complain = (message: string, fields?: object): void => {
    complaints.push(`${message} ${Object.values(fields ?? {}).join(' ')}`.trim());
  };
  const log = { ...env.log, warn: complain, error: complain, info: () => undefined, debug: () => undefined };
  const directory = state.path('works');
  const works = await createSavedWorks({
    env: { ...env, log: { ...log, child: () => env.log } },
    directory,
  }).load();
  if (complaints.length === 0) return ok(`${works.length} can be read`);
  return failure(
    `${complaints.join('; ')}`,
    `nothing is lost while the hub is there: the klusterlet asks it for all works; remove ${directory} while the klusterlet is stopped`,
  );
}

async function checkCertificate(
  { env, state, config }: DoctorOptions,
  credentials: HubCredentials | undefined,
): Promise<Finding> {
  if (credentials !== undefined) {
    const certificate = parseCertificate(credentials.certificatePem);
    return judgeCertificate(certificate, {
      what: 'the certificate for the hub',
      nowMs: env.clock.now(),
      fix: `start the klusterlet, which renews it ("klusterlet run"); if the hub refuses that: ${rejoin(config)}`,
    });
  }
  if (await state.hasJoined())
    return failure(
      'certificate and key are damaged, or are not of each other',
      `start the klusterlet: it takes their copy from the managed cluster; if there is none: ${rejoin(config)}`,
    );
  return failure(
    'there is none yet: the hub has not accepted',
    `"hub approve ${config.clusterName}" on the hub, while the klusterlet runs here`,
  );
}

async function checkAgent({ state }: DoctorOptions): Promise<Finding> {
  const problem = await state.readProblem();
  if (problem !== undefined)
    return failure(`the hub does not know the klusterlet since ${problem.since}`, problem.why);
  try {
    const lock = await lockDirectory(state.dataDir);
    await lock.release();
  } catch (error) {
    if (error instanceof DirectoryInUseError) return ok('it runs');
    throw error;
  }
  return failure(`no klusterlet runs on ${state.dataDir}`, `klusterlet run --data-dir ${state.dataDir}`);
}

async function checkIdentity(hub: KubeClient, { config }: DoctorOptions): Promise<Finding> {
  const name = config.clusterName;
  try {
    await hub.get<ManagedCluster>(wellKnown.managedClusters, { name }, { timeoutMs: 10_000 });
  } catch (error) {
    throw asIdentityError(error, name);
  }
  return ok(`the hub knows the agent ${config.agentId} of ${name}`);
}

function asIdentityError(error: unknown, name: string): CheckError {
  const message = error instanceof Error ? error.message : String(error);
  return new CheckError(
    `the hub does not let this klusterlet see its cluster ${name}: ${message}`,
    `see "hub clusters" on the hub; "hub approve ${name}" if it was denied, else "hub token create --cluster ${name}" and "klusterlet join" with it here`,
  );
}

async function checkRights(hub: KubeClient, { clusterName }: KlusterletConfig): Promise<Finding> {
  const missing = await missingRights(hub, agentRights(clusterName));
  if (missing.length === 0) return ok('the klusterlet may do there what it needs');
  return failure(
    `the klusterlet may not ${missing.map(formatRight).join(', ')}`,
    `"hub approve ${clusterName}" on the hub gives them back; if it is accepted, see its ClusterRole and RoleBindings there`,
  );
}

async function checkMembership(
  hub: KubeClient,
  { clusterName }: KlusterletConfig,
): Promise<readonly Finding[]> {
  const cluster = await hub.get<ManagedCluster>(wellKnown.managedClusters, { name: clusterName });
  const find = (type: string) => findCondition(cluster.status?.conditions, type);
  if (cluster.metadata.deletionTimestamp !== undefined)
    return [
      failure(`the hub is removing ${clusterName}`, 'let it; to belong to it again, join again afterwards'),
    ];
  if (cluster.spec?.hubAcceptsClient !== true)
    return [failure(`the hub does not accept ${clusterName}`, `"hub approve ${clusterName}" there`)];
  const held = find(clusterCondition.deletionHeld);
  const findings: Finding[] = [];
  if (held?.status === 'True')
    findings.push(
      warning(held.message, `"hub works confirm-deletion ${clusterName}" on the hub, if it is meant so`),
    );
  const expiring = find(clusterCondition.certificateExpiring);
  if (expiring?.status === 'True')
    findings.push(
      warning(
        expiring.message,
        'this klusterlet renews its own certificate while it runs; those of the hub are mended there ("hub doctor")',
      ),
    );
  const available = find(clusterCondition.available);
  if (available?.status === 'True') return [...findings, ok('accepted, joined and available')];
  const why =
    available === undefined
      ? 'the klusterlet has not reported itself'
      : `${available.reason}: ${available.message}`;
  return [
    ...findings,
    failure(
      `${clusterName} is not available on the hub: ${why}`,
      'mend what is told above; a klusterlet that runs reports itself within a minute',
    ),
  ];
}

async function checkLease(hub: KubeClient, { env, config }: DoctorOptions): Promise<Finding> {
  const key = { namespace: config.clusterName, name: managedClusterLeaseName };
  const lease = await hub.get<KubeObject>(wellKnown.leases, key);
  const spec = (lease['spec'] ?? {}) as { renewTime?: string; leaseDurationSeconds?: number }; // LeaseSpec
  if (spec.renewTime === undefined) return failure('the lease was never renewed', 'klusterlet run');
  const seconds = Math.max(0, Math.round((env.clock.now() - parseTime(spec.renewTime)) / 1000));
  const period = spec.leaseDurationSeconds || defaultLeaseDurationSeconds;
  const message = `the lease was last renewed ${seconds} s ago`;
  if (seconds > period * leaseDurationTimes)
    return failure(
      `${message}, and the hub takes the cluster for lost`,
      'start the klusterlet ("klusterlet run"); if it runs, its log says why',
    );
  return seconds > period * 2
    ? warning(message, 'see whether the klusterlet runs, and its log')
    : ok(message);
}
