/**
 * Empties a namespace that is going away, pods first, and lets it go. What stays says why in the namespace's
 * conditions. k8s pkg/controller/namespace; apiserver.md 5.2.
 */
import { type Condition, hasReason, type KubeObject, setCondition } from '@flotilla/api';
import { createController, createInformer, type ResourceRef, wellKnown } from '@flotilla/kube';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { ControlLoop, ControllerContext } from './start-controllers.js';

/** Finalizers of the content end without a word to the namespace. */
const recheckMs = 500;

export function createNamespaceController(context: ControllerContext): ControlLoop {
  const { client, env } = context;
  const namespaces = createInformer<KubeObject>(client, wellKnown.namespaces, { env });
  const controller = createController({
    name: 'namespace',
    env,
    concurrency: 4,
    maxDelayMs: 30_000,
    reconcile: async (name) => {
      const namespace = namespaces.cache.get(name);
      if (namespace?.metadata.deletionTimestamp === undefined) return undefined;
      const remaining = await empty(context, name);
      if (remaining.length === 0) {
        await finalize(context, namespace);
        return undefined;
      }
      await reportRemaining(context, namespace, remaining);
      return { requeueAfterMs: recheckMs };
    },
  });
  namespaces.onChange(({ object }) => {
    if (object.metadata.deletionTimestamp !== undefined) controller.enqueue(object.metadata.name ?? '');
  });
  return { informers: [namespaces], controllers: [controller] };
}

/** One definition for each stored resource, in its preferred version. */
export function deletableResources(registry: ResourceRegistry): ResourceDefinition[] {
  const seen = new Map<string, ResourceDefinition>();
  for (const definition of registry.all()) {
    const key = `${definition.group}/${definition.resource}`;
    if (definition.virtual !== undefined || !definition.verbs.includes('delete')) continue;
    if (!seen.has(key))
      seen.set(key, registry.findPreferred(definition.group, definition.resource) ?? definition);
  }
  return [...seen.values()];
}

export function refOf({ group, version, resource, namespaced }: ResourceDefinition): ResourceRef {
  return { group, version, resource, namespaced };
}

interface Remaining {
  readonly resource: string;
  readonly count: number;
  readonly finalizers: readonly string[];
}

async function empty({ client, registry }: ControllerContext, namespace: string): Promise<Remaining[]> {
  const definitions = deletableResources(registry).filter(({ namespaced }) => namespaced);
  // Pods first: what they use must outlive them.
  definitions.sort((a, b) => Number(b.resource === 'pods') - Number(a.resource === 'pods'));
  const remaining: Remaining[] = [];
  for (const definition of definitions) {
    const ref = refOf(definition);
    const { items } = await client.list<KubeObject>(ref, { namespace, metadataOnly: true });
    for (const { metadata } of items) {
      if (metadata.deletionTimestamp !== undefined) continue;
      try {
        const key = { namespace, name: metadata.name ?? '' };
        await client.delete(ref, key, { propagationPolicy: 'Background', gracePeriodSeconds: 0 });
      } catch (error) {
        if (!hasReason(error, 'NotFound', 'Conflict')) throw error;
      }
    }
    const left =
      items.length === 0
        ? items
        : (await client.list<KubeObject>(ref, { namespace, metadataOnly: true })).items;
    if (left.length > 0) {
      const finalizers = left.flatMap(({ metadata }) => metadata.finalizers ?? []);
      const { group, resource } = definition;
      remaining.push({
        resource: group === '' ? `${resource}.` : `${resource}.${group}`,
        count: left.length,
        finalizers,
      });
    }
  }
  return remaining;
}

async function finalize({ client }: ControllerContext, namespace: KubeObject): Promise<void> {
  const spec = (namespace['spec'] ?? {}) as { finalizers?: string[] }; // v1 NamespaceSpec
  const finalizers = (spec.finalizers ?? []).filter((finalizer) => finalizer !== 'kubernetes');
  try {
    await client.update(
      wellKnown.namespaces,
      { ...namespace, spec: { ...spec, finalizers } },
      { subresource: 'finalize' },
    );
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}

async function reportRemaining(
  { client, env }: ControllerContext,
  namespace: KubeObject,
  remaining: readonly Remaining[],
): Promise<void> {
  const finalizers = new Map<string, number>();
  for (const name of remaining.flatMap((one) => one.finalizers))
    finalizers.set(name, (finalizers.get(name) ?? 0) + 1);
  const status = (namespace['status'] ?? {}) as { conditions?: Condition[] }; // v1 NamespaceStatus
  const nowMs = env.clock.now();
  let conditions: readonly Condition[] = setCondition(
    status.conditions,
    {
      type: 'NamespaceContentRemaining',
      status: 'True',
      reason: 'SomeResourcesRemain',
      message: `Some resources are remaining: ${remaining.map(({ resource, count }) => `${resource} has ${count} resource instances`).join(', ')}`,
    },
    nowMs,
  );
  if (finalizers.size > 0) {
    const text = [...finalizers].map(([name, count]) => `${name} in ${count} resource instances`).join(', ');
    conditions = setCondition(
      conditions,
      {
        type: 'NamespaceFinalizersRemaining',
        status: 'True',
        reason: 'SomeFinalizersRemain',
        message: `Some content in the namespace has finalizers remaining: ${text}`,
      },
      nowMs,
    );
  }
  if (conditions === status.conditions) return;
  const key = { name: namespace.metadata.name ?? '' };
  await client.patch(wellKnown.namespaces, key, {
    type: 'merge',
    subresource: 'status',
    body: { status: { conditions } },
  });
}
