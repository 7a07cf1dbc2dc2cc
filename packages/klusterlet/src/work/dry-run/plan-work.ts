/**
 * What a work would do to the managed cluster, found by the very strategies that would do it, on a client that makes
 * every write a dry run: defaulting, admission and the executor's permissions count. Nothing is written anywhere, no
 * inventory either. Called by the plan agent.
 */
import {
  type AppliedManifestWork,
  isObject,
  type KubeObject,
  type ManifestPlan,
  type ManifestResourceMeta,
  type ManifestWork,
  type ManifestWorkSpec,
} from '@flotilla/api';
import type { Discovery, KubeClient } from '@flotilla/kube';
import { applyTarget } from '../apply/apply-target.js';
import type { Outcome } from '../apply/outcome.js';
import { ownerReferenceTo } from '../apply/owner-references.js';
import { forEachLimited } from '../parallel.js';
import { readManifest } from '../planning/identity.js';
import { hasUnserved, type PlannedManifest, planManifests, type Target } from '../planning/plan-manifests.js';
import { groupByRank } from '../planning/resource-rank.js';
import { manifestId } from '../saved-works.js';
import { createDryRunClient } from './dry-run-client.js';
import { fieldChanges } from './field-changes.js';
import { planDeletions } from './plan-deletions.js';

export interface WorkPlanDependencies {
  readonly client: KubeClient;
  readonly discovery: Discovery;
  readonly manifestConcurrency: number;
  /** The other work whose claim to the object comes first. */
  readonly contestedBy: (work: string, target: Target) => string | undefined;
}

export interface WorkPlanInput {
  readonly name: string;
  readonly spec: ManifestWorkSpec;
  /** The work of that name as it is now. */
  readonly present: ManifestWork | undefined;
  /** What it has applied. */
  readonly inventory: AppliedManifestWork | undefined;
  readonly signal: AbortSignal;
}

/** What would be done to one object, and its identity if it is there. */
interface Step {
  readonly plan: ManifestPlan;
  readonly uid?: string | undefined;
}

const unserved = 'cannot be tried before its kind is defined, which this work does';
const noNamespace = 'cannot be tried before its namespace is there, which this work creates';

/** One entry for each manifest, in their order, then those that would be deleted. @throws when the cluster is away. */
export async function planWork(deps: WorkPlanDependencies, input: WorkPlanInput): Promise<ManifestPlan[]> {
  const planned = await planServed(deps, input);
  const steps = new Map<string, Step>();
  const newNamespaces = new Set<string>();
  const targets = planned.flatMap((item) => (item.type === 'target' ? [item.target] : []));
  for (const group of groupByRank(targets, ({ ref }) => ref.resource)) {
    await forEachLimited(group, deps.manifestConcurrency, async (target) => {
      const step = newNamespaces.has(target.key.namespace ?? '')
        ? { plan: entry(target.meta, 'create', noNamespace) }
        : await planTarget(deps, input, target);
      steps.set(target.id, step);
      if (target.ref.resource === 'namespaces' && step.plan.action === 'create') {
        newNamespaces.add(target.key.name);
      }
    });
  }
  const defined = definedKinds(input.spec);
  const plans = planned.map((item) => describe(item, { steps, defined }));
  const keepUids = new Set([...steps.values()].flatMap(({ uid }) => uid ?? []));
  return [...plans, ...(await planDeletions(deps, { ...input, planned, keepUids }))];
}

/** As a real pass: the cluster is asked once more before a kind is called unknown. */
async function planServed(
  { discovery }: WorkPlanDependencies,
  { spec, signal }: WorkPlanInput,
): Promise<PlannedManifest[]> {
  const planned = planManifests(spec, discovery);
  if (!hasUnserved(planned)) return planned;
  for (const item of planned) {
    if (item.type !== 'failed' || !item.unserved) continue;
    const { group = '', version = '', kind = '' } = item.meta;
    await discovery.lookup({ group, version, kind }, signal);
  }
  return planManifests(spec, discovery);
}

async function planTarget(
  deps: WorkPlanDependencies,
  { name, spec, present, inventory, signal }: WorkPlanInput,
  target: Target,
): Promise<Step> {
  const dryRun = createDryRunClient(deps.client);
  const id = manifestId(target.manifest);
  const owner = ownerReferenceTo(inventory ?? inventoryToBe(name));
  const outcome = await applyTarget(target, {
    client: dryRun.client,
    signal,
    executor: spec.executor,
    executorRetryMs: 0,
    owner,
    previous: manifestsOf(present).filter((manifest) => manifestId(manifest) === id),
    remembered: undefined,
    expectAbsent: false,
    claim: async () => undefined,
    contestedBy: deps.contestedBy(name, target),
    correctionDelayMs: () => 0,
  });
  const before = dryRun.before();
  const isOurs = before?.metadata.ownerReferences?.some(({ uid }) => uid === owner.uid) === true;
  return { plan: judge(target, { outcome, before, isOurs }), uid: before?.metadata.uid };
}

/** Stands for an inventory that there is not yet; no object can have this owner. */
function inventoryToBe(name: string): AppliedManifestWork {
  const uid = '00000000-0000-0000-0000-000000000000';
  return { apiVersion: '', kind: '', metadata: { name, uid } };
}

function manifestsOf(work: ManifestWork | undefined): KubeObject[] {
  return (work?.spec?.workload?.manifests ?? []).flatMap((manifest) => {
    const read = readManifest(manifest);
    return 'object' in read ? [read.object] : [];
  });
}

function judge(
  { meta, settings, owned }: Target,
  {
    outcome,
    before,
    isOurs,
  }: { readonly outcome: Outcome; readonly before: KubeObject | undefined; readonly isOurs: boolean },
): ManifestPlan {
  if (!outcome.ok) return entry(meta, 'refused', withoutPause(outcome.message));
  if (settings.strategy.type === 'ReadOnly') {
    return entry(meta, 'unchanged', before === undefined ? 'is only read, and is not there' : 'is only read');
  }
  if (before === undefined) return entry(meta, 'create');
  const { changes, more } = fieldChanges(before, outcome.live ?? before);
  const adopts =
    owned && !isOurs ? 'is there already: the work would own it, and take it along when it goes' : '';
  if (changes.length === 0) return entry(meta, adopts === '' ? 'unchanged' : 'change', adopts);
  return { ...entry(meta, 'change', adopts), changes: [...changes], ...(more > 0 && { moreChanges: more }) };
}

/** A plan is not tried again. */
function withoutPause(message: string): string {
  return message.replace(/, will try again in [0-9ms]+/, '');
}

function entry(
  {
    ordinal,
    group = '',
    version = '',
    kind = '',
    resource = '',
    name = '',
    namespace = '',
  }: ManifestResourceMeta,
  action: ManifestPlan['action'],
  message = '',
): ManifestPlan {
  const text = message.length > 2000 ? `${message.slice(0, 2000)}…` : message;
  const what = { group, version, kind, resource, name, namespace };
  return { ordinal, ...what, action, ...(text !== '' && { message: text }) };
}

function describe(
  item: PlannedManifest,
  { steps, defined }: { readonly steps: ReadonlyMap<string, Step>; readonly defined: ReadonlySet<string> },
): ManifestPlan {
  switch (item.type) {
    case 'target':
      return (steps.get(item.target.id) as Step).plan; // every target was planned
    case 'covered':
      return entry(item.meta, 'unchanged', `the version ${item.by.ref.version} of it is applied instead`);
    default: {
      const { group = '', kind = '' } = item.meta;
      if (item.unserved && defined.has(`${group}/${kind}`)) return entry(item.meta, 'create', unserved);
      return entry(item.meta, 'refused', item.problem);
    }
  }
}

/** `group/kind` of the CustomResourceDefinitions in the spec. */
function definedKinds(spec: ManifestWorkSpec): Set<string> {
  const kinds = new Set<string>();
  for (const manifest of spec.workload?.manifests ?? []) {
    const definition = manifest['kind'] === 'CustomResourceDefinition' ? manifest['spec'] : undefined;
    const names = isObject(definition) ? definition['names'] : undefined;
    if (isObject(definition) && isObject(names)) kinds.add(`${definition['group']}/${names['kind']}`);
  }
  return kinds;
}
