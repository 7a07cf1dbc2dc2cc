/** `hub works confirm-deletion`: lets a klusterlet go on with a mass deletion that it holds. */
import {
  clusterCondition,
  confirmDeletionAnnotation,
  findCondition,
  type ManagedCluster,
} from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { addCommand } from '@flotilla/kube/cli';
import type { Command } from 'commander';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';
import { mustFindCluster } from './find.js';

/** Adds it to the command `works`. */
export function addConfirmDeletionCommand(works: Command, context: CommandContext): void {
  addCommand(works, 'confirm-deletion <cluster>', {
    description: 'let the klusterlet delete what it holds back, since the hub lost most of its works',
    examples: ['hub works confirm-deletion cluster1'],
  })
    .addOption(kubeconfigOption())
    .action((name: string, options: { kubeconfig?: string }) =>
      withHub(context, options, async ({ client }) => {
        const cluster = await mustFindCluster(client, name);
        const id = heldDeletion(cluster);
        if (id === undefined)
          throw new Error(`the cluster ${name} holds no deletion back: nothing to confirm`);
        const { uid } = cluster.metadata;
        const body = { metadata: { uid, annotations: { [confirmDeletionAnnotation]: id } } };
        await client.patch(wellKnown.managedClusters, { name }, { type: 'merge', body });
        context.print(`${name}: the deletion is confirmed, its klusterlet goes on within seconds`);
      }),
    );
}

/** The name of the hold, as the klusterlet reports it; undefined when nothing is held. */
export function heldDeletion({ status }: ManagedCluster): string | undefined {
  const condition = findCondition(status?.conditions, clusterCondition.deletionHeld);
  return condition?.status === 'True' ? /^hold ([0-9a-f]+):/.exec(condition.message)?.[1] : undefined;
}
