/**
 * The health of a whole work, from the conditions of its manifests: Healthy when everything is applied and has become
 * what it should be, Progressing while something is on its way, Degraded when something has failed. A type that the
 * work's own rules define is the rules'. Pure. Called by the status of the work.
 */
import {
  type Condition,
  type ConditionUpdate,
  conditionRuleReasonPrefix,
  findCondition,
  healthReason,
  type ManifestCondition,
  type ManifestResourceMeta,
  manifestCondition,
  workCondition,
} from '@flotilla/api';

/** Of the manifests that are not healthy, so many are named. */
const maxNamed = 3;

export function planHealth(entries: readonly ManifestCondition[]): ConditionUpdate[] {
  const ruled = new Set(
    entries.flatMap(({ conditions }) =>
      conditions.flatMap(({ type, reason }) => (reason.startsWith(conditionRuleReasonPrefix) ? [type] : [])),
    ),
  );
  const states = entries.map((entry) => ({ entry, health: stateOf(entry) }));
  const unhealthy = states.filter(({ health }) => health.status !== 'True');
  const having = (reason: string) => states.filter(({ health }) => health.reason === reason);
  const progressing = [...having(healthReason.inProgress), ...having(healthReason.terminating)];
  const updates: ConditionUpdate[] = [
    {
      type: workCondition.healthy,
      ...worst(unhealthy.map(({ health }) => health)),
      message: unhealthy.length === 0 ? 'All resources are healthy' : describe(unhealthy),
    },
    {
      type: workCondition.progressing,
      status: progressing.length > 0 ? 'True' : 'False',
      reason: progressing.length > 0 ? healthReason.inProgress : healthReason.current,
      message: progressing.length > 0 ? describe(progressing) : 'No resource is in progress',
    },
    {
      type: workCondition.degraded,
      status: having(healthReason.failed).length > 0 ? 'True' : 'False',
      reason: having(healthReason.failed).length > 0 ? healthReason.failed : healthReason.current,
      message:
        having(healthReason.failed).length > 0
          ? describe(having(healthReason.failed))
          : 'No resource has failed',
    },
  ];
  // Rules about Healthy are of single manifests, and count above; the others have their own way to be summed up.
  return updates.filter(({ type }) => type === workCondition.healthy || !ruled.has(type));
}

type State = Pick<Condition, 'status' | 'reason' | 'message'>;

interface Judged {
  readonly entry: ManifestCondition;
  readonly health: State;
}

/** What is not applied is not healthy, whatever an older state of the object is. */
function stateOf({ conditions }: ManifestCondition): State {
  const applied = findCondition(conditions, manifestCondition.applied);
  if (applied?.status === 'False') {
    return { status: 'False', reason: healthReason.notApplied, message: applied.message };
  }
  const health = findCondition(conditions, manifestCondition.healthy);
  return health ?? { status: 'Unknown', reason: healthReason.unknown, message: 'The health is not known' };
}

const order: readonly string[] = [
  healthReason.failed,
  healthReason.notApplied,
  healthReason.terminating,
  healthReason.inProgress,
];

function worst(unhealthy: readonly State[]): Pick<ConditionUpdate, 'status' | 'reason'> {
  const found = unhealthy.filter(({ status }) => status === 'False').map(({ reason }) => reason);
  if (found.length > 0) {
    const reason = order.find((each) => found.includes(each)) ?? healthReason.inProgress;
    return { status: 'False', reason };
  }
  return unhealthy.length > 0
    ? { status: 'Unknown', reason: healthReason.unknown }
    : { status: 'True', reason: healthReason.current };
}

function describe(judged: readonly Judged[]): string {
  const named = judged.slice(0, maxNamed).map(({ entry: { resourceMeta }, health }) => {
    return `${nameOf(resourceMeta)}: ${health.message}`;
  });
  const more = judged.length > named.length ? [`and ${judged.length - named.length} more`] : [];
  return [...named, ...more].join('; ');
}

/** What could not be read has its place only. */
function nameOf({ ordinal, resource, kind, namespace = '', name = '' }: ManifestResourceMeta): string {
  if (name === '') return `manifest ${ordinal}`;
  return `${resource || kind} ${namespace === '' ? '' : `${namespace}/`}${name}`;
}
