/** The `hub` commands that ask a running hub something. Each opens one connection, prints, and closes it. */
import { clusterNameLabel, type ManagedCluster, type ManifestWork } from '@flotilla/api';
import { type Env, type KubeClient, wellKnown } from '@flotilla/kube';
import {
  addCommand,
  type OutputFormat,
  outputOption,
  parseDuration,
  renderList,
  UsageError,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import type { CertificateSigningRequest } from '../controllers/csr-approver.js';
import { type ApproveResult, approveCluster, decideCsr } from './approve.js';
import { addConfirmDeletionCommand } from './confirm-deletion.js';
import { type Connection, connect, kubeconfigOption } from './connect.js';
import { addMembershipCommands } from './membership.js';
import { addTokenCommand } from './token.js';
import {
  clusterHeaders,
  clusterRow,
  csrHeaders,
  csrRow,
  manifestHeaders,
  manifestRows,
  workHeaders,
  workRow,
} from './views.js';

export interface CommandContext {
  readonly env: Env;
  readonly print: (text: string) => void;
  /** For what is no part of the answer: standard error. */
  readonly note: (text: string) => void;
}

interface CommonOptions {
  readonly kubeconfig?: string;
  readonly output: OutputFormat;
}

export async function withHub<T>(
  context: CommandContext,
  options: { kubeconfig?: string },
  fn: (hub: Connection) => Promise<T>,
): Promise<T> {
  const hub = await connect(context.env, options);
  try {
    return await fn(hub);
  } finally {
    await hub.close();
  }
}

/** Returns `hub works`, to which others add. */
export function addAskingCommands(program: Command, context: CommandContext): Command {
  addTokenCommand(program, context);
  addCsrCommands(program, context);
  addApproveCommand(program, context);
  addMembershipCommands(program, addClustersCommand(program, context), context);
  return addWorksCommand(program, context);
}

/** Tokens live and die by the hub's clock; this machine's may be wrong. */
export async function hubTimeMs(client: KubeClient, env: Env): Promise<number> {
  const response = await client.transport.request({ method: 'GET', path: '/version', timeoutMs: 10_000 });
  await response.bytes();
  const hubMs = Date.parse(response.headers['date'] ?? '');
  return Number.isNaN(hubMs) ? env.clock.now() : hubMs;
}

function addCsrCommands(program: Command, context: CommandContext): void {
  const csr = addCommand(program, 'csr', {
    description: 'see and decide the certificate requests of klusterlets',
    examples: ['hub csr list', 'hub csr approve cluster1-x2x5c', 'hub csr deny cluster1-x2x5c'],
  });
  addCommand(csr, 'list', { description: 'list certificate requests', examples: ['hub csr list -o yaml'] })
    .addOption(outputOption())
    .addOption(kubeconfigOption())
    .action((options: CommonOptions) =>
      withHub(context, options, async ({ client, env }) => {
        const { items } = await client.list<CertificateSigningRequest>(wellKnown.certificateSigningRequests, {
          labelSelector: clusterNameLabel,
        });
        const known = await client.list<ManagedCluster>(wellKnown.managedClusters);
        const clusters = new Map(known.items.map((each) => [each.metadata.name, each]));
        const rows = items.map((item) => {
          const cluster = item.metadata.labels?.[clusterNameLabel] ?? '';
          return csrRow(item, { nowMs: env.clock.now(), cluster, managed: clusters.get(cluster) });
        });
        const empty = 'no klusterlet has asked for a certificate';
        context.print(renderList(options.output, { headers: csrHeaders, rows, objects: items, empty }));
      }),
    );
  for (const type of ['Approved', 'Denied'] as const) {
    const verb = type === 'Approved' ? 'approve' : 'deny';
    addCommand(csr, `${verb} <name...>`, {
      description: `${verb} certificate requests by name`,
      examples: [`hub csr ${verb} cluster1-x2x5c`],
    })
      .addOption(kubeconfigOption())
      .action((names: string[], options: { kubeconfig?: string }) =>
        withHub(context, options, async ({ client, env }) => {
          for (const name of names) {
            const message = `${verb === 'approve' ? 'approved' : 'denied'} by hub csr ${verb}`;
            const result = await decideCsr(client, name, { type, message, nowMs: env.clock.now() });
            const state = type.toLowerCase();
            context.print(
              `certificatesigningrequest ${name} ${result === 'done' ? state : `was already ${state}`}`,
            );
          }
        }),
      );
  }
}

function addApproveCommand(program: Command, context: CommandContext): void {
  addCommand(program, 'approve <cluster...>', {
    description: 'accept clusters and approve their certificate requests',
    examples: ['hub approve cluster1', 'hub approve cluster1 cluster2 --wait 1m'],
  })
    .addOption(
      new Option(
        '--wait <duration>',
        'how long to wait for a cluster, and its certificate request, that is just asking to join',
      )
        .argParser(parseDuration)
        .default(10_000, '10s'),
    )
    .option(
      '--fingerprint <fingerprint>',
      'approve only the key that "klusterlet join" printed; for one cluster',
    )
    .addOption(kubeconfigOption())
    .action((clusters: string[], options: ApproveFlags) =>
      withHub(context, options, async ({ client, env }) => {
        const { fingerprint } = options;
        if (fingerprint !== undefined && clusters.length > 1)
          throw new UsageError('--fingerprint is of one key: give one cluster with it');
        const deadlineMs = env.clock.monotonicMs() + options.wait;
        for (const cluster of clusters) {
          const approve = { env, deadlineMs, note: context.note, fingerprint };
          context.print(describeApproval(await approveCluster(client, cluster, approve)));
        }
      }),
    );
}

interface ApproveFlags {
  readonly wait: number;
  readonly fingerprint?: string;
  readonly kubeconfig?: string;
}

function describeApproval({ cluster, accepted, csr, asked, request }: ApproveResult): string {
  const first = accepted === 'done' ? 'accepted' : 'was already accepted';
  if (csr !== undefined) {
    const from = request?.source ? ` from ${request.source}` : '';
    const instead =
      request?.present === undefined ? '' : `; the cluster had the key ${request.present} before`;
    return `${cluster}: ${first}, ${csr} approved (key ${request?.fingerprint}${from}${instead})`;
  }
  const more = asked ? '' : `; run "hub approve ${cluster}" again when its klusterlet has asked`;
  return `${cluster}: ${first}, no certificate request is pending${more}`;
}

function addClustersCommand(program: Command, context: CommandContext): Command {
  return addCommand(program, 'clusters', {
    description: 'list the fleet',
    examples: ['hub clusters', 'hub clusters -o json'],
  })
    .addOption(outputOption())
    .addOption(kubeconfigOption())
    .action((options: CommonOptions) =>
      withHub(context, options, async ({ client, env }) => {
        const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters);
        const rows = items.map((item) => clusterRow(item, env.clock.now()));
        const empty = 'no cluster has joined yet; make a join string with "hub token create"';
        context.print(renderList(options.output, { headers: clusterHeaders, rows, objects: items, empty }));
      }),
    );
}

function addWorksCommand(program: Command, context: CommandContext): Command {
  const works = addCommand(program, 'works [cluster]', {
    description: 'list the ManifestWorks of the fleet or of one cluster',
    examples: ['hub works', 'hub works cluster1', 'hub works cluster1 --manifests'],
  });
  addConfirmDeletionCommand(works, context);
  works
    .enablePositionalOptions() // as in the program: options after the name of a command below are that command's
    .option('--manifests', 'a row for each manifest: version, applied, available, feedback')
    .addOption(outputOption())
    .addOption(kubeconfigOption())
    .action((cluster: string | undefined, options: CommonOptions & { manifests?: boolean }) =>
      withHub(context, options, async ({ client, env }) => {
        const { items } = await client.list<ManifestWork>(wellKnown.manifestWorks, {
          ...(cluster !== undefined && { namespace: cluster }),
        });
        const nowMs = env.clock.now();
        const list =
          options.manifests === true
            ? { headers: manifestHeaders, rows: items.flatMap((item) => manifestRows(item)) }
            : { headers: workHeaders, rows: items.map((item) => workRow(item, nowMs)) };
        const empty =
          cluster === undefined ? 'there is no ManifestWork' : `the cluster ${cluster} has no ManifestWork`;
        context.print(renderList(options.output, { ...list, objects: items, empty }));
      }),
    );
  return works;
}
