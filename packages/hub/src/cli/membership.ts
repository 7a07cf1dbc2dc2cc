/** `hub deny`, `hub clusters remove` and `hub clusters revoke`: an operator's word on who is no member any more. */
import {
  clusterNameLabel,
  hasReason,
  hubFieldManager,
  type KubeObject,
  type ManagedCluster,
} from '@flotilla/api';
import { type KubeClient, type ResourceRef, sleep, wellKnown } from '@flotilla/kube';
import { addCommand, confirm, ExitCode, parseDuration, UsageError } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { type CertificateSigningRequest, isPending } from '../controllers/csr-approver.js';
import { agentKeysOf, certifiedKey } from '../identity/agent-keys.js';
import { isRevoked, revokeAgents } from '../identity/revocations.js';
import { decideCsr } from './approve.js';
import type { Connection } from './connect.js';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, hubTimeMs, withHub } from './context.js';
import { mustFindCluster } from './find.js';

interface HubOption {
  readonly kubeconfig?: string;
}

const pollMs = 500;

export function addMembershipCommands(program: Command, clusters: Command, context: CommandContext): void {
  addDenyCommand(program, context);
  addRemoveCommand(clusters, context);
  addRevokeCommand(clusters, context);
}

function addDenyCommand(program: Command, context: CommandContext): void {
  addCommand(program, 'deny <cluster...>', {
    description:
      'take back the acceptance of clusters and deny their certificate requests; their works stay as they are',
    examples: ['hub deny cluster1'],
  })
    .addOption(kubeconfigOption())
    .action((names: string[], options: HubOption) =>
      withHub(context, options, async ({ client, env }) => {
        for (const name of names) {
          const cluster = await mustFindCluster(client, name);
          const wasAccepted = cluster.spec?.hubAcceptsClient === true;
          if (wasAccepted) {
            const body = { spec: { hubAcceptsClient: false } };
            await client.patch(
              wellKnown.managedClusters,
              { name },
              { type: 'merge', body, fieldManager: hubFieldManager },
            );
          }
          const denied = await denyPending(client, { cluster: name, by: 'hub deny', nowMs: env.clock.now() });
          const requests = denied.length === 0 ? '' : `, ${denied.join(', ')} denied`;
          context.print(
            `${name}: ${wasAccepted ? 'no longer accepted' : 'was not accepted'}${requests}; "hub approve ${name}" accepts it again`,
          );
        }
      }),
    );
}

/** The requests that nobody has decided yet. */
async function denyPending(
  client: KubeClient,
  { cluster, by, nowMs }: { cluster: string; by: string; nowMs: number },
): Promise<string[]> {
  const pending = (await listCsrs(client, cluster)).filter((csr) => isPending(csr));
  const names = pending.map(({ metadata }) => metadata.name ?? '');
  for (const name of names)
    await decideCsr(client, name, { type: 'Denied', message: `denied by ${by}`, nowMs });
  return names;
}

async function listCsrs(client: KubeClient, cluster: string): Promise<readonly CertificateSigningRequest[]> {
  const { items } = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
    labelSelector: `${clusterNameLabel}=${cluster}`,
  });
  return items;
}

function addRevokeCommand(clusters: Command, context: CommandContext): void {
  addCommand(clusters, 'revoke <cluster>', {
    description:
      'void all certificates of a cluster at once, also on open connections; it stays a member and has to join again with a new token',
    examples: ['hub clusters revoke cluster1', 'hub token create --cluster cluster1'],
  })
    .option('-y, --yes', 'do not ask; without a terminal nobody is asked')
    .addOption(kubeconfigOption())
    .action((name: string, options: HubOption & { yes?: boolean }) =>
      withHub(context, options, async (hub) => {
        const cluster = await mustFindCluster(hub.client, name);
        await mustWant(options, `void all certificates of ${name}?`);
        await revoke(hub, cluster, 'hub clusters revoke');
        context.print(
          `${name}: all its certificates are void; to let it in again: "hub token create --cluster ${name}" and "klusterlet join" there`,
        );
      }),
    );
}

/** @throws ExitCode 1 when whoever sits at the terminal says no. */
async function mustWant({ yes }: { yes?: boolean }, question: string): Promise<void> {
  if (yes !== true && !(await confirm(question))) throw new ExitCode(1);
}

/** Resolves when certificates that are issued from now on count. */
async function revoke({ client, env }: Connection, { metadata }: ManagedCluster, by: string): Promise<void> {
  const cluster = metadata.name ?? '';
  const former = agentKeysOf({ metadata });
  for (;;) {
    const nowMs = await hubTimeMs(client, env);
    const revocation = await revokeAgents(client, { cluster, nowMs, former });
    await denyPending(client, { cluster, by, nowMs: env.clock.now() });
    while ((await hubTimeMs(client, env)) < revocation.fromMs) await sleep(env.clock, pollMs / 5);
    // What was approved before may have been signed since.
    const isLate = (csr: CertificateSigningRequest): boolean => {
      const key = certifiedKey(csr);
      if (key === undefined || isRevoked(key, revocation)) return false;
      return Date.parse(csr.metadata.creationTimestamp ?? '') < revocation.fromMs;
    };
    if (!(await listCsrs(client, cluster)).some(isLate)) return;
  }
}

function addRemoveCommand(clusters: Command, context: CommandContext): void {
  addCommand(clusters, 'remove <cluster>', {
    description:
      'remove a cluster from the hub: its klusterlet first deletes what the works applied, then its rights and certificates end',
    examples: [
      'hub clusters remove cluster1',
      'hub clusters remove cluster1 --wait 10m',
      'hub clusters remove gone --force',
    ],
  })
    .option(
      '--force',
      'for a cluster whose klusterlet is dead: do not wait for it; what its works applied stays there for ever',
    )
    .addOption(
      new Option('--wait <duration>', 'how long to wait until it is gone; 0s: not at all')
        .argParser(parseDuration)
        .default(300_000, '5m'),
    )
    .option('-y, --yes', 'do not ask; without a terminal nobody is asked')
    .addOption(kubeconfigOption())
    .action((name: string, options: HubOption & { force?: boolean; wait: number; yes?: boolean }) =>
      withHub(context, options, async (hub) => {
        const cluster = await mustFindCluster(hub.client, name);
        await mustWant(options, `remove ${name}, and delete what its works applied?`);
        if (options.force === true) {
          context.note(
            `warning: ${name} is removed without its klusterlet: what its works applied stays in the cluster, and nobody watches over it`,
          );
          await revoke(hub, cluster, 'hub clusters remove');
        }
        await hub.client.delete(wellKnown.managedClusters, { name });
        await untilGone(hub, {
          name,
          force: options.force === true,
          waitMs: options.wait,
          note: context.note,
        });
        if (options.wait === 0) context.print(`${name}: is being removed`);
        else {
          await revoke(hub, cluster, 'hub clusters remove');
          context.print(`${name}: removed`);
        }
      }),
    );
}

async function untilGone(
  { client, env }: Connection,
  options: { name: string; force: boolean; waitMs: number; note: (text: string) => void },
): Promise<void> {
  const { name, force, waitMs, note } = options;
  const deadlineMs = env.clock.monotonicMs() + waitMs;
  for (let told = ''; ; ) {
    const blockers = await blockersOf(client, name);
    if (force) for (const { ref, object } of blockers) await abandon(client, ref, object);
    if (!(await isThere(client, name))) return;
    const what = describe(blockers);
    if (waitMs > 0 && what !== told && !force) note(`${name}: ${what}`);
    told = what;
    if (waitMs === 0) return;
    if (env.clock.monotonicMs() > deadlineMs) {
      throw new UsageError(
        `${name} is not gone yet: ${what}; its klusterlet has to run for that ("hub clusters" tells when it was last seen). It goes on; if the klusterlet is dead for good: hub clusters remove ${name} --force`,
      );
    }
    await sleep(env.clock, pollMs);
  }
}

interface Blocker {
  readonly ref: ResourceRef;
  readonly object: KubeObject;
}

/** What the cluster's klusterlet or add-ons have to clean up first. */
async function blockersOf(client: KubeClient, namespace: string): Promise<Blocker[]> {
  const lists = await Promise.all(
    [wellKnown.managedClusterAddOns, wellKnown.manifestWorks].map(async (ref) => {
      const { items } = await client.list<KubeObject>(ref, { namespace, metadataOnly: true });
      return items.map((object) => ({ ref, object }));
    }),
  );
  return lists.flat();
}

function describe(blockers: readonly Blocker[]): string {
  if (blockers.length === 0) return 'its rights are being taken away';
  const names = blockers.slice(0, 3).map(({ object }) => object.metadata.name);
  const more = blockers.length > 3 ? ` and ${blockers.length - 3} more` : '';
  return `waits for its works and add-ons to be cleaned up: ${names.join(', ')}${more}`;
}

/** Nobody is there to do what the finalizers stand for. */
async function abandon(client: KubeClient, ref: ResourceRef, { metadata }: KubeObject): Promise<void> {
  const { name = '', namespace = '' } = metadata;
  try {
    await client.patch(
      ref,
      { namespace, name },
      { type: 'merge', body: { metadata: { finalizers: null } }, fieldManager: hubFieldManager },
    );
    await client.delete(ref, { namespace, name });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

async function isThere(client: KubeClient, name: string): Promise<boolean> {
  try {
    await client.get(wellKnown.managedClusters, { name });
    return true;
  } catch (error) {
    if (hasReason(error, 'NotFound')) return false;
    throw error;
  }
}
