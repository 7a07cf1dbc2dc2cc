/** `hub why`: the chain from a work to the cause of its trouble and what to do about it. */
import type { ManagedCluster } from '@flotilla/api';
import { getIfThere, type KubeClient, wellKnown } from '@flotilla/kube';
import { addCommand } from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';
import { explainWork } from './explain-work.js';
import { mustFindWork } from './find.js';

export function addWhyCommand(program: Command, context: CommandContext): void {
  addCommand(program, 'why <work>', {
    description: 'tell why a ManifestWork is not applied, available or healthy, and what to do about it',
    examples: ['hub why web -n cluster1'],
  })
    .addOption(
      new Option(
        '-n, --cluster <name>',
        'the cluster, which is the namespace of the work',
      ).makeOptionMandatory(),
    )
    .addOption(kubeconfigOption())
    .action((name: string, { cluster, ...options }: { cluster: string; kubeconfig?: string }) =>
      withHub(context, options, async ({ client, env }) => {
        const work = await mustFindWork(client, { namespace: cluster, name });
        const facts = { work, cluster: await findCluster(client, cluster), nowMs: env.clock.now() };
        context.print(explainWork(facts).join('\n'));
      }),
    );
}

function findCluster(client: KubeClient, name: string): Promise<ManagedCluster | undefined> {
  return getIfThere(client, wellKnown.managedClusters, { name });
}
