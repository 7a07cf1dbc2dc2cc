/**
 * Why a work is not what its user expects, from what the hub holds: the cluster, the work, each manifest that is not
 * well, with what its cluster said and what can be done about it. Nothing is asked of the managed cluster. Pure.
 * Called by `hub why`.
 */
import {
  type Condition,
  clusterCondition,
  findCondition,
  formatAge,
  isPlan,
  type ManagedCluster,
  type ManifestCondition,
  type ManifestResourceMeta,
  type ManifestWork,
  manifestCondition,
  manifestReason,
  parseTime,
  planAnnotation,
  planCondition,
  workCondition,
} from '@flotilla/api';
import { adviceFor } from './advice.js';

export interface WorkFacts {
  readonly work: ManifestWork;
  /** Undefined: there is no such cluster. */
  readonly cluster: ManagedCluster | undefined;
  readonly nowMs: number;
}

/** Lines to print; the first sums up. */
export function explainWork(facts: WorkFacts): string[] {
  const { metadata } = facts.work;
  if (isPlan(facts.work) && metadata.deletionTimestamp === undefined) return explainPlan(facts);
  const causes = [...explainCluster(facts), ...explainDeletion(facts), ...explainGeneration(facts)];
  const manifests = (facts.work.status?.resourceStatus?.manifests ?? []).flatMap((manifest) =>
    explainManifest(manifest),
  );
  const name = `${metadata.namespace}/${metadata.name}`;
  const unreported = (facts.work.status?.resourceStatus?.manifests ?? []).flatMap(explainReports);
  const all = [...causes, ...manifests, ...unreported];
  if (all.length > 0 && all.length === unreported.length) {
    const state = `${name} is ${stateOf(facts.work)}, but not all that it asks about can be told`;
    return [state, ...unreported.map((line) => `  ${line}`)];
  }
  if (all.length > 0) return [`${name} is ${stateOf(facts.work)}`, ...all.map((line) => `  ${line}`)];
  const isHealthKnown = findCondition(facts.work.status?.conditions, workCondition.healthy) !== undefined;
  const what = isHealthKnown ? 'applied, available and healthy' : 'applied and available';
  return [`${name} is ${stateOf(facts.work)}: all that it asks for is ${what}`];
}

function explainPlan({ work: { metadata, status } }: WorkFacts): string[] {
  const planned = findCondition(status?.conditions, planCondition.planned);
  const isCurrent = planned?.observedGeneration === metadata.generation;
  return [
    `${metadata.namespace}/${metadata.name} is a plan: ${isCurrent ? planned?.message : 'its cluster has not answered yet'}`,
    `  -> take the annotation ${planAnnotation} away to apply it`,
  ];
}

function stateOf({ metadata, status }: ManifestWork): string {
  if (metadata.deletionTimestamp !== undefined) return 'being deleted';
  const is = (type: string): boolean => findCondition(status?.conditions, type)?.status === 'True';
  const conditions = status?.conditions ?? [];
  if (conditions.length === 0) return 'not applied yet';
  if (!is(workCondition.applied)) return 'not applied';
  if (!is(workCondition.available)) return 'not available';
  // Klusterlets other than ours do not judge health.
  const health = findCondition(conditions, workCondition.healthy);
  return health !== undefined && health.status !== 'True' ? 'not healthy' : 'well';
}

function explainCluster({ work, cluster }: WorkFacts): string[] {
  const name = work.metadata.namespace ?? '';
  if (cluster === undefined) {
    return [
      `cluster ${name}: there is no ManagedCluster of this name`,
      `-> join it with "klusterlet join", or put the work into the namespace of a cluster: see "hub clusters"`,
    ];
  }
  const find = (type: string) => findCondition(cluster.status?.conditions, type);
  if (cluster.spec?.hubAcceptsClient !== true) {
    return [`cluster ${name}: it is not accepted`, `-> accept it with "hub approve ${name}"`];
  }
  if (find(clusterCondition.joined)?.status !== 'True') {
    return [`cluster ${name}: it has not joined`, `-> see "hub csr list" and the klusterlet's log`];
  }
  const held = find(clusterCondition.deletionHeld);
  if (held?.status === 'True') {
    return [
      `cluster ${name}: ${held.message}`,
      '-> bring the works back from a backup, or confirm the deletion: objects in the cluster stay until then',
    ];
  }
  const available = find(clusterCondition.available);
  if (available?.status === 'True') return [];
  return [
    `cluster ${name}: ${available?.message || 'it has not reported that it is available'}`,
    '-> what is shown below may be old; see whether its klusterlet runs and reaches the hub ("klusterlet status")',
  ];
}

function explainDeletion({ work, nowMs }: WorkFacts): string[] {
  const since = work.metadata.deletionTimestamp;
  if (since === undefined) return [];
  const deleting = findCondition(work.status?.conditions, workCondition.deleting);
  const [, why] = /^ManifestWork is being deleted: (.*)$/s.exec(deleting?.message ?? '') ?? [];
  const age = formatAge(nowMs - parseTime(since));
  if (why === undefined) {
    const who = (work.metadata.finalizers ?? []).join(', ');
    return [`it was deleted ${age} ago and waits for its finalizers: ${who}`];
  }
  return [`it was deleted ${age} ago and waits for what it applied:`, ...why.split('; '), ...arrow(why)];
}

function explainGeneration({ work }: WorkFacts): string[] {
  const { generation = 0, deletionTimestamp } = work.metadata;
  if (deletionTimestamp !== undefined) return [];
  const applied = findCondition(work.status?.conditions, workCondition.applied);
  const observed = applied?.observedGeneration;
  if (observed === generation) return [];
  if (observed === undefined) return ['its klusterlet has not reported on it'];
  return [
    `its klusterlet has reported on generation ${observed}, the work is at ${generation}: what follows is older`,
  ];
}

function explainManifest({ resourceMeta, conditions }: ManifestCondition): string[] {
  const bad = [workCondition.applied, workCondition.available, workCondition.healthy].flatMap((type) => {
    const condition = findCondition(conditions, type);
    return condition === undefined || condition.status === 'True' ? [] : [condition];
  });
  // What is not applied explains the rest.
  const [first] = bad;
  if (first === undefined) return [];
  return [`${nameOf(resourceMeta)}: ${describe(first)}`, ...arrow(first.message)];
}

/** Feedback that cannot be read, and condition rules that cannot be evaluated: they say nothing about the object. */
function explainReports({ resourceMeta, conditions }: ManifestCondition): string[] {
  const failed = conditions.filter(
    ({ type, status, reason }) =>
      (type === manifestCondition.statusFeedbackSynced && status === 'False') ||
      brokenRuleReasons.has(reason),
  );
  return failed.map((condition) => `${nameOf(resourceMeta)}: ${describe(condition)}`);
}

const brokenRuleReasons: ReadonlySet<string> = new Set([
  manifestReason.ruleInvalid,
  manifestReason.ruleExpressionError,
  manifestReason.ruleInternalError,
]);

function nameOf({
  kind = '',
  resource = '',
  group = '',
  namespace = '',
  name = '',
}: ManifestResourceMeta): string {
  return `${resource || kind}${group === '' ? '' : `.${group}`} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}

function describe({ type, status, reason, message }: Condition): string {
  return `${type}=${status}: ${message || reason}`;
}

function arrow(message: string): string[] {
  const advice = adviceFor(message);
  return advice === undefined ? [] : [`-> ${advice}`];
}
