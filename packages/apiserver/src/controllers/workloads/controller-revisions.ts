/**
 * The history of pod templates of StatefulSets and DaemonSets: one ControllerRevision for each, numbered, so that
 * `kubectl rollout history` and `undo` work and an old pod's template can be had again.
 */
import type { KubeObject } from '@flotilla/api';
import type { IndexLookup } from '@flotilla/kube';
import { at, numberAt, objectAt } from '../../builtin/access.js';
import { inBatches } from '../in-batches.js';
import { controllerReference, controllerUid, type SimulatedCluster } from './simulated-cluster.js';
import { templateHash } from './template-hash.js';

export const revisionLabel = 'controller-revision-hash';

/** A template and the name it goes by. */
export interface TemplateRevision {
  /** What the label of pods and the status say. */
  readonly name: string;
  readonly template: unknown;
}

export class ControllerRevisions {
  readonly #cluster: SimulatedCluster;
  readonly #byOwner: IndexLookup<KubeObject>;

  constructor(cluster: SimulatedCluster) {
    this.#cluster = cluster;
    this.#byOwner = cluster.informer('apps', 'controllerrevisions').cache.addIndex(controllerUid);
  }

  /** The revision of the workload's present template, stored and the newest by its number. */
  async ensure(workload: KubeObject): Promise<TemplateRevision> {
    const template = objectAt(workload, 'spec', 'template');
    const hash = templateHash(template);
    const { namespace = '', name: workloadName = '', uid = '' } = workload.metadata;
    const name = `${workloadName}-${hash}`;
    const known = this.#byOwner(uid);
    const newest = Math.max(0, ...known.map((one) => numberAt(one, 'revision')));
    const found = known.find(({ metadata }) => metadata.name === name);
    const ref = this.#cluster.ref('apps', 'controllerrevisions');
    if (found === undefined) {
      await this.#cluster.create(ref, {
        apiVersion: 'apps/v1',
        kind: 'ControllerRevision',
        metadata: {
          namespace,
          name,
          labels: { ...labelsOf(template), [revisionLabel]: hash },
          ownerReferences: [controllerReference(workload)],
        },
        data: { spec: { template: { ...template, $patch: 'replace' } } },
        revision: newest + 1,
      });
    } else if (numberAt(found, 'revision') < newest) {
      await this.#cluster.change(ref, found, { revision: newest + 1 });
    }
    return { name, template };
  }

  /** An earlier revision; undefined when its history is gone. */
  find({ metadata }: KubeObject, name: string): TemplateRevision | undefined {
    const found = this.#byOwner(metadata.uid ?? '').find((one) => one.metadata.name === name);
    if (found === undefined) return undefined;
    const { $patch: _, ...template } = objectAt(found, 'data', 'spec', 'template');
    return { name, template };
  }

  /** Deletes the oldest ones that no pod uses, beyond the workload's limit. */
  async forgetHistory(workload: KubeObject, inUse: ReadonlySet<string>): Promise<void> {
    const limit = at(workload, 'spec', 'revisionHistoryLimit');
    const idle = this.#byOwner(workload.metadata.uid ?? '')
      .filter(({ metadata }) => !inUse.has(metadata.name ?? '') && metadata.deletionTimestamp === undefined)
      .toSorted((a, b) => numberAt(a, 'revision') - numberAt(b, 'revision'));
    const surplus = idle.slice(0, Math.max(idle.length - (typeof limit === 'number' ? limit : 10), 0));
    const ref = this.#cluster.ref('apps', 'controllerrevisions');
    await inBatches(surplus, (revision) => this.#cluster.delete(ref, revision));
  }
}

function labelsOf(template: unknown): Record<string, string> {
  return objectAt(template, 'metadata', 'labels') as Record<string, string>; // labels are texts
}
