/**
 * Empties a namespace that is going away, pods first, and lets it go. What stays says why in the namespace's
 * conditions. k8s pkg/controller/namespace; apiserver.md 5.2.
 */
import { type Condition, hasReason, type KubeObject, parseTime } from '@flotilla/api';
import { createController, type Informer, wellKnown } from '@flotilla/kube';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ControlLoop, ControllerContext } from './control-loop.js';
import { deletableResources, refOf } from './deletable-resources.js';
import { inBatches } from './in-batches.js';
import { deletionConditions, type Emptying, type Remaining } from './namespace-conditions.js';

/** Finalizers of the content end without a word to the namespace: it is looked at again, less and less often. */
const firstRecheckMs = 200;
const longestRecheckMs = 15_000;

export function createNamespaceController(
  context: ControllerContext,
  namespaces: Informer<KubeObject>,
): ControlLoop {
  const controller = createController({
    name: 'namespace',
    env: context.env,
    concurrency: 8,
    maxDelayMs: 30_000,
    reconcile: async (name) => {
      const namespace = namespaces.cache.get(name);
      const { deletionTimestamp } = namespace?.metadata ?? {};
      if (namespace === undefined || deletionTimestamp === undefined) return undefined;
      if (!finalizersOf(namespace).includes('kubernetes')) return undefined; // others hold it
      const outcome = await empty(context, name);
      if (outcome.remaining.length === 0 && outcome.failures.length === 0) {
        await finalize(context, namespace);
        return undefined;
      }
      if (outcome.failures.length > 0) {
        context.env.log.warn('namespace content not deleted', {
          namespace: name,
          failures: outcome.failures,
        });
      }
      await report(context, namespace, outcome);
      const ageMs = context.env.clock.now() - parseTime(deletionTimestamp);
      return { requeueAfterMs: Math.min(Math.max(ageMs / 4, firstRecheckMs), longestRecheckMs) };
    },
  });
  namespaces.onChange(({ object }) => {
    if (object.metadata.deletionTimestamp !== undefined) controller.enqueue(object.metadata.name ?? '');
  });
  return { informers: [], controllers: [controller] };
}

/** Asks for the deletion of everything in the namespace. Whatever uses the rest goes first: that is the pods. */
async function empty(context: ControllerContext, namespace: string): Promise<Emptying> {
  const definitions = deletableResources(context.registry).filter(({ namespaced }) => namespaced);
  const isPods = ({ group, resource }: ResourceDefinition): boolean => group === '' && resource === 'pods';
  const pods = await emptyAll(context, namespace, definitions.filter(isPods));
  if (pods.remaining.length > 0 || pods.failures.length > 0) return pods;
  return emptyAll(
    context,
    namespace,
    definitions.filter((definition) => !isPods(definition)),
  );
}

async function emptyAll(
  context: ControllerContext,
  namespace: string,
  definitions: readonly ResourceDefinition[],
): Promise<Emptying> {
  const remaining: Remaining[] = [];
  const failures: string[] = [];
  for (const definition of definitions) {
    try {
      const left = await emptyOne(context, namespace, definition);
      if (left.length === 0) continue;
      const finalizers = left.flatMap(({ metadata }) => metadata.finalizers ?? []);
      const resource = `${definition.resource}.${definition.group}`;
      remaining.push({ resource, count: left.length, finalizers });
    } catch (error) {
      // One resource that cannot be emptied keeps the namespace, and no other resource.
      failures.push(error instanceof Error ? error.message : String(error));
    }
  }
  return { remaining, failures };
}

/** What is still there afterwards. */
async function emptyOne(
  { client }: ControllerContext,
  namespace: string,
  definition: ResourceDefinition,
): Promise<readonly KubeObject[]> {
  const ref = refOf(definition);
  const { items } = await client.list<KubeObject>(ref, { namespace, metadataOnly: true });
  if (items.length === 0) return [];
  const doomed = items.filter(
    ({ metadata }) => metadata.deletionTimestamp === undefined || isDying(metadata),
  );
  await inBatches(doomed, async ({ metadata }) => {
    const key = { namespace, name: metadata.name ?? '' };
    try {
      await client.delete(ref, key, { propagationPolicy: 'Background', gracePeriodSeconds: 0 });
    } catch (error) {
      if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
    }
  });
  return (await client.list<KubeObject>(ref, { namespace, metadataOnly: true })).items;
}

/** Within its grace period, which nobody waits for here. */
function isDying({ deletionGracePeriodSeconds = 0 }: KubeObject['metadata']): boolean {
  return deletionGracePeriodSeconds > 0;
}

function finalizersOf(namespace: KubeObject): readonly string[] {
  return ((namespace['spec'] ?? {}) as { finalizers?: string[] }).finalizers ?? []; // v1 NamespaceSpec
}

async function finalize({ client }: ControllerContext, namespace: KubeObject): Promise<void> {
  const finalizers = finalizersOf(namespace).filter((finalizer) => finalizer !== 'kubernetes');
  const { apiVersion, kind, metadata } = namespace;
  const body = { apiVersion, kind, metadata, spec: { finalizers } };
  try {
    await client.update(wellKnown.namespaces, body, { subresource: 'finalize' });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

async function report(
  { client, env }: ControllerContext,
  namespace: KubeObject,
  outcome: Emptying,
): Promise<void> {
  const status = (namespace['status'] ?? {}) as { conditions?: Condition[] }; // v1 NamespaceStatus
  const conditions = deletionConditions(status.conditions, outcome, env.clock.now());
  if (conditions === status.conditions) return;
  const { name = '', uid } = namespace.metadata;
  const body = { metadata: { uid }, status: { conditions } };
  try {
    await client.patch(wellKnown.namespaces, { name }, { type: 'merge', subresource: 'status', body });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
