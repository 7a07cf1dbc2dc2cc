/**
 * What `klusterlet join` looks at before it changes anything, here or on the hub: the managed cluster, each hop to the
 * hub, its clock, its API, the token. Each is told as it is found; the first that fails ends the join.
 */
import { createClient, type Env } from '@flotilla/kube';
import { type Check, Checklist, checkClock, formatCheck, hasColors } from '@flotilla/kube/cli';
import { dialHub } from './connections.js';
import { checkHubApi, checkToken } from './hub-checks.js';
import { checkHops } from './hub-hops.js';
import type { Invitation } from './invitation.js';
import { checkManagedCluster } from './managed-checks.js';

export interface PreflightOptions {
  /** Undefined: only the managed cluster is looked at. */
  readonly join: Invitation | undefined;
  readonly kubeconfig: string | undefined;
  readonly env: Env;
  readonly note: (text: string) => void;
}

/** The hub's CA, as it was given or as it matches the pin; undefined when no hub was looked at. @throws Error with the first check that failed, and its fix. */
export async function preflight({
  join,
  kubeconfig,
  env,
  note,
}: PreflightOptions): Promise<{ ca: string } | undefined> {
  const list = new Checklist((check) => {
    if (check.verdict === 'ok' || check.verdict === 'warn')
      note(formatCheck(check, { colors: hasColors(process.stderr) }));
  });
  await checkManagedCluster(list, { env, config: { ...(kubeconfig !== undefined && { kubeconfig }) } });
  throwFailure(list);
  if (join === undefined) return undefined;
  const { server, alternatives = [], caHash, ca, token, proxyUrl } = join;
  const trust = ca === undefined ? { caHash } : { ca };
  const servers = [server, ...alternatives];
  const reached = await checkHops(list, { env, servers, trust, proxyUrl });
  throwFailure(list);
  if (reached === undefined) throw new Error(`the hub at ${server} is not reached`);
  const transport = dialHub(env, {
    server: reached.server,
    ca: reached.ca,
    token,
    ...(proxyUrl !== undefined && { proxyUrl }),
  });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    await list.run('clock', () => checkClock(transport, { clock: env.clock, server: 'the hub' }));
    throwFailure(list);
    await list.run('token', () => checkToken(hub));
    throwFailure(list);
    await list.run('hub API', () => checkHubApi(hub));
    throwFailure(list);
  } finally {
    await transport.close();
  }
  return { ca: reached.ca };
}

/** As one sentence with the fix. */
function throwFailure({ checks }: Checklist): void {
  const failed: Check | undefined = checks.find(({ verdict }) => verdict === 'fail');
  if (failed === undefined) return;
  const { check, message, fix } = failed;
  throw new Error(`${check}: ${message}${fix === undefined ? '' : `; to mend it: ${fix}`}`);
}
