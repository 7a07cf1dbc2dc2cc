/** The answer to a plan as text: a line for each object that would not stay as it is, and one for each field. Pure. */
import {
  describeFieldChange,
  findCondition,
  type ManifestPlan,
  type ManifestWorkPlan,
  planCondition,
} from '@flotilla/api';

const signs = { create: '+', change: '~', unchanged: '=', delete: '-', refused: '!' } as const;

export function describePlan({ metadata, spec, status }: ManifestWorkPlan): string {
  const work = `${metadata.namespace ?? ''}/${spec?.workName ?? ''}`;
  const planned = findCondition(status?.conditions, planCondition.planned);
  if (planned?.status !== 'True') return `${work}: the cluster could not be asked: ${planned?.message ?? ''}`;
  const { create = 0, change = 0, unchanged = 0, delete: deleted = 0, refused = 0 } = status?.summary ?? {};
  const counts = [
    [create, 'to create'],
    [change, 'to change'],
    [deleted, 'to delete'],
    [refused, 'refused'],
    [unchanged, 'unchanged'],
  ] as const;
  const told = counts.flatMap(([count, what]) => (count > 0 ? [`${count} ${what}`] : []));
  const lines = (status?.manifests ?? []).flatMap((manifest) => describeManifest(manifest));
  return [`${work}: ${told.join(', ') || 'nothing to do'}`, ...lines].join('\n');
}

function describeManifest(manifest: ManifestPlan): string[] {
  const { action, message, changes = [], moreChanges = 0 } = manifest;
  if (action === 'unchanged' && message === undefined) return [];
  const why = message === undefined ? '' : `: ${message}`;
  return [
    `  ${signs[action]} ${titleOf(manifest)} ${verbs[action]}${why}`,
    ...changes.map((change) => `      ${describeFieldChange(change)}`),
    ...(moreChanges > 0 ? [`      and ${moreChanges} more`] : []),
  ];
}

const verbs = {
  create: 'would be created',
  change: 'would be changed',
  unchanged: 'stays as it is',
  delete: 'would be deleted',
  refused: 'would be refused',
} as const;

function titleOf({ ordinal, group, kind, namespace, name }: ManifestPlan): string {
  if (!kind || !name) return `manifest ${ordinal ?? ''}`;
  return `${kind}${group ? `.${group}` : ''} ${namespace ? `${namespace}/` : ''}${name}`;
}
