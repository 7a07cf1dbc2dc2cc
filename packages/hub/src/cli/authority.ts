/**
 * `hub ca`: shows the authorities of the hub, and puts a new one in the place of the one in use. The klusterlets follow by
 * themselves; these commands wait until all have, so that nobody is locked out. Each can be run again after it was stopped.
 */
import { agentIssuerAnnotation, agentTrustsAnnotation, type ManagedCluster, parseTime } from '@flotilla/api';
import { type KubeClient, parseFailure, sleep, wellKnown } from '@flotilla/kube';
import {
  addCommand,
  type ObjectFormat,
  objectOutputOption,
  parseDuration,
  renderObject,
  UsageError,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { type Connection, kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';

/** What the hub answers at `/flotilla.dev/authority`. */
export interface AuthorityState {
  readonly phase: 'stable' | 'spreading' | 'retiring';
  readonly signing: string;
  readonly trusted: readonly { readonly hash: string; readonly notAfter: string }[];
  readonly servingNotAfter: string;
}

const path = '/flotilla.dev/authority';
const pollMs = 500;
const dayMs = 86_400_000;

interface HubOption {
  readonly kubeconfig?: string;
}

export function addAuthorityCommands(program: Command, context: CommandContext): void {
  const ca = addCommand(program, 'ca', {
    description: "show the hub's certificate authorities, and which clusters have followed to a new one",
    examples: ['hub ca', 'hub ca roll', 'hub ca finish'],
  }).enablePositionalOptions();
  addRollCommand(ca, context);
  addFinishCommand(ca, context);
  ca.addOption(objectOutputOption())
    .addOption(kubeconfigOption())
    .action((options: HubOption & { output: ObjectFormat }) =>
      withHub(context, options, async ({ client, env }) => {
        const state = await ask(client);
        const waiting = await notFollowed(client, state);
        const shown = describeState(state, { waiting, nowMs: env.clock.now() });
        context.print(renderObject(options.output, shown, ['What', 'Value']));
      }),
    );
}

function addRollCommand(ca: Command, context: CommandContext): void {
  addCommand(ca, 'roll', {
    description:
      'make a new authority; when all klusterlets trust it and have its certificates, serve with it. The old one stays trusted until "hub ca finish"',
    examples: ['hub ca roll', 'hub ca roll --wait 24h', 'hub ca roll --without dead1 --without dead2'],
  })
    .addOption(withoutOption())
    .addOption(
      new Option('--wait <duration>', 'how long to wait for the klusterlets; it goes on when it is run again')
        .argParser(parseDuration)
        .default(600_000, '10m'),
    )
    .addOption(kubeconfigOption())
    .action((options: HubOption & { without?: readonly string[]; wait: number }) =>
      withHub(context, options, async (hub) => {
        const before = await ask(hub.client);
        if (before.phase === 'retiring')
          throw new UsageError(
            'the last roll is not finished: "hub ca finish" takes the trust from the old authority first',
          );
        if (before.phase === 'stable') await step(hub.client, 'begin');
        context.note('both authorities are trusted; waiting for the klusterlets');
        await untilFollowed(hub, { ...options, note: context.note });
        await step(hub.client, 'promote');
        context.print(
          'the hub serves with its new authority, and trusts the old one until "hub ca finish"; kubeconfigs and join strings that were made before have to be made again',
        );
      }),
    );
}

function addFinishCommand(ca: Command, context: CommandContext): void {
  addCommand(ca, 'finish', {
    description: 'end a roll: take the trust from the old authority; its certificates are void then',
    examples: ['hub ca finish', 'hub ca finish --without dead1'],
  })
    .addOption(withoutOption())
    .addOption(kubeconfigOption())
    .action((options: HubOption & { without?: readonly string[] }) =>
      withHub(context, options, async ({ client }) => {
        const state = await ask(client);
        if (state.phase === 'stable') {
          context.print('there is one authority: nothing to finish');
          return;
        }
        if (state.phase === 'spreading')
          throw new UsageError('the new authority is not in use yet: "hub ca roll" goes on with that');
        const waiting = without(await notFollowed(client, state), options.without);
        if (waiting.length > 0)
          throw new UsageError(
            `certificates of the old authority are still used by ${waiting.join(', ')}: they would have to join again; wait, or give --without <cluster> for each`,
          );
        await step(client, 'finish');
        context.print('the old authority is not trusted any more');
      }),
    );
}

function withoutOption(): Option {
  return new Option(
    '--without <cluster>',
    'do not wait for this cluster, which has to join again then',
  ).argParser((name: string, names: readonly string[] = []) => [...names, name]);
}

function without(names: readonly string[], left: readonly string[] = []): readonly string[] {
  return names.filter((name) => !left.includes(name));
}

async function untilFollowed(
  { client, env }: Connection,
  options: { readonly without?: readonly string[]; readonly wait: number; note: (text: string) => void },
): Promise<void> {
  const deadlineMs = env.clock.monotonicMs() + options.wait;
  for (let told = -1; ; ) {
    const waiting = without(await notFollowed(client, await ask(client)), options.without);
    if (waiting.length === 0) return;
    if (env.clock.monotonicMs() > deadlineMs)
      throw new UsageError(
        `these clusters have not followed yet: ${waiting.join(', ')}; nothing is lost: run "hub ca roll" again when they are back, or leave them out with --without <cluster>`,
      );
    if (waiting.length !== told) options.note(`${waiting.length} left: ${some(waiting)}`);
    told = waiting.length;
    await sleep(env.clock, pollMs);
  }
}

function some(names: readonly string[]): string {
  return names.length <= 5
    ? names.join(', ')
    : `${names.slice(0, 5).join(', ')} and ${names.length - 5} more`;
}

async function ask(client: KubeClient): Promise<AuthorityState> {
  return JSON.parse(await client.getText(path, { timeoutMs: 10_000 })) as AuthorityState; // the hub's own form
}

/** @throws StatusError in the hub's words. */
async function step(client: KubeClient, name: 'begin' | 'promote' | 'finish'): Promise<void> {
  const answer = await client.transport.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ step: name }),
    timeoutMs: 30_000,
  });
  const body = await answer.bytes();
  if (answer.status >= 300) throw parseFailure({ status: answer.status, headers: answer.headers, body });
}

/** Accepted clusters that do not trust all authorities yet, or still use a certificate of another than the newest. */
async function notFollowed(client: KubeClient, state: AuthorityState): Promise<readonly string[]> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
  return items
    .filter((cluster) => cluster.spec?.hubAcceptsClient === true && !hasFollowed(cluster, state))
    .map(({ metadata }) => metadata.name ?? '')
    .sort();
}

export function hasFollowed(
  { metadata }: Pick<ManagedCluster, 'metadata'>,
  { signing, trusted }: AuthorityState,
): boolean {
  const trusts = (metadata.annotations?.[agentTrustsAnnotation] ?? '').split(',');
  return (
    trusted.every(({ hash }) => trusts.includes(hash)) &&
    metadata.annotations?.[agentIssuerAnnotation] === signing
  );
}

function describeState(
  { phase, trusted, signing, servingNotAfter }: AuthorityState,
  { waiting, nowMs }: { waiting: readonly string[]; nowMs: number },
): Record<string, string> {
  const left = (time: string): string =>
    `until ${time} (${Math.floor((parseTime(time) - nowMs) / dayMs)} days)`;
  const rows: Record<string, string> = { phase: phases[phase] };
  for (const [index, { hash, notAfter }] of trusted.entries()) {
    const roles = [...(index === 0 ? ['serves'] : []), ...(hash === signing ? ['signs'] : []), 'trusted'];
    rows[hash] = `${roles.join(', ')} ${left(notAfter)}`;
  }
  rows['servingCertificate'] = left(servingNotAfter);
  if (phase !== 'stable') rows['waitingFor'] = waiting.length === 0 ? 'nobody' : some(waiting);
  return rows;
}

const phases: Readonly<Record<AuthorityState['phase'], string>> = {
  stable: 'one authority',
  spreading: 'a new authority is being made known: "hub ca roll" goes on',
  retiring: 'the new authority is in use, the old one still trusted: "hub ca finish"',
};
