/** The `hub` commands that ask a running hub something. Each opens one connection, prints, and closes it. */
import {
  clusterNameLabel,
  type KubeObject,
  type ManagedCluster,
  type ManifestWork,
  managedClusterLeaseName,
} from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { addCommand, parseDuration, UsageError } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import type { CertificateSigningRequest } from '../controllers/csr-approver.js';
import { type ApproveResult, approveCluster, decideCsr } from './approve.js';
import { addConfirmDeletionCommand } from './confirm-deletion.js';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';
import { expiryNotes } from './expiry-notes.js';
import { mustFindCluster } from './find.js';
import { type ListingOptions, runListing, withListingOptions } from './listing.js';
import { addMembershipCommands } from './membership.js';
import { addTokenCommand } from './token.js';
import { clusterView, csrView, manifestView, workView } from './views.js';

/** Returns `hub works`, to which others add. */
export function addAskingCommands(program: Command, context: CommandContext): Command {
  addTokenCommand(program, context);
  addCsrCommands(program, context);
  addApproveCommand(program, context);
  addMembershipCommands(program, addClustersCommand(program, context), context);
  return addWorksCommand(program, context);
}

function addCsrCommands(program: Command, context: CommandContext): void {
  const csr = addCommand(program, 'csr', {
    description: 'see and decide the certificate requests of klusterlets',
    examples: ['hub csr list', 'hub csr approve cluster1-x2x5c', 'hub csr deny cluster1-x2x5c'],
  });
  withListingOptions(
    addCommand(csr, 'list', {
      description: 'list certificate requests',
      examples: ['hub csr list', 'hub csr list --watch', 'hub csr list -o yaml'],
    }),
  ).action((options: ListingOptions) =>
    runListing<CertificateSigningRequest, ManagedCluster>(context, options, {
      ref: wellKnown.certificateSigningRequests,
      labelSelector: clusterNameLabel,
      beside: { ref: wellKnown.managedClusters },
      view: csrView,
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
  const command = addCommand(program, 'clusters', {
    description: 'list the fleet',
    examples: ['hub clusters', 'hub clusters --watch', 'hub clusters -o wide', 'hub clusters -o name'],
  }).option('-l, --selector <selector>', 'only clusters with these labels, as kubectl takes it');
  return withListingOptions(command.enablePositionalOptions()).action(
    ({ selector, ...options }: ListingOptions & { selector?: string }) =>
      runListing<ManagedCluster, KubeObject>(context, options, {
        ref: wellKnown.managedClusters,
        ...(selector !== undefined && { labelSelector: selector }),
        beside: { ref: wellKnown.leases, fieldSelector: `metadata.name=${managedClusterLeaseName}` },
        view: clusterView,
        notes: (clusters) => expiryNotes(clusters).map(({ text }) => `warning: ${text}`),
      }),
  );
}

function addWorksCommand(program: Command, context: CommandContext): Command {
  const works = addCommand(program, 'works [cluster]', {
    description: 'list the ManifestWorks of the fleet or of one cluster',
    examples: ['hub works', 'hub works cluster1', 'hub works cluster1 --manifests'],
  });
  addConfirmDeletionCommand(works, context);
  withListingOptions(
    works
      .enablePositionalOptions() // as in the program: options after the name of a command below are that command's
      .option('--manifests', 'a row for each manifest: version, applied, available, feedback'),
  ).action((cluster: string | undefined, options: ListingOptions & { manifests?: boolean }) =>
    runListing<ManifestWork>(context, options, {
      ref: wellKnown.manifestWorks,
      ...(cluster !== undefined && { namespace: cluster }),
      beside: undefined,
      // Works that are there are shown, also those of a namespace whose cluster has yet to come.
      check: async ({ client }, items) => {
        if (cluster !== undefined && items.length === 0) await mustFindCluster(client, cluster);
      },
      view: (items, { nowMs }) => ({
        ...(options.manifests === true ? manifestView(items) : workView(items, nowMs)),
        objects: items,
        empty:
          cluster === undefined ? 'there is no ManifestWork' : `the cluster ${cluster} has no ManifestWork`,
      }),
    }),
  );
  return works;
}
