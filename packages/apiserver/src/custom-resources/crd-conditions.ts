/**
 * The status of a CustomResourceDefinition, decided in the write itself: whether its names are free, whether it is
 * served, which versions are stored. The reference does it in a controller a moment later; clients cannot tell. Pure.
 */
import { type Condition, type ConditionUpdate, equal, removeCondition, setCondition } from '@flotilla/api';
import { type Crd, type CrdNames, conditionIs, storageVersionOf } from './crd-types.js';

const approvalAnnotation = 'api-approved.kubernetes.io';

/** Sets conditions, acceptedNames and storedVersions in place. `others`: every other CRD. */
export function updateCrdStatus(crd: Crd, others: readonly Crd[], nowMs: number): void {
  crd.status ??= {};
  const { status } = crd;
  let conditions: Condition[] = status.conditions ?? [];
  const set = (condition: ConditionUpdate): void => {
    conditions = setCondition(conditions, condition, nowMs);
  };
  const approval = approvalCondition(crd);
  if (approval !== undefined) set(approval);
  else conditions = removeCondition(conditions, 'KubernetesAPIApprovalPolicyConformant');

  const { accepted, conflict } = judgeNames(crd, others);
  status.acceptedNames = accepted;
  set(
    conflict ?? {
      type: 'NamesAccepted',
      status: 'True',
      reason: 'NoConflicts',
      message: 'no conflicts found',
    },
  );
  if (!conditionIs(crd, 'Established', 'True')) {
    set(
      conflict === undefined
        ? {
            type: 'Established',
            status: 'True',
            reason: 'InitialNamesAccepted',
            message: 'the initial names have been accepted',
          }
        : {
            type: 'Established',
            status: 'False',
            reason: 'NotAccepted',
            message: 'not all names are accepted',
          },
    );
  }
  status.conditions = conditions;
  const stored = status.storedVersions ?? [];
  const storage = storageVersionOf(crd.spec);
  status.storedVersions = storage === undefined || stored.includes(storage) ? stored : [...stored, storage];
}

/** The condition that says a deletion has begun. */
export function terminatingCondition(): ConditionUpdate {
  return {
    type: 'Terminating',
    status: 'True',
    reason: 'InstanceDeletionInProgress',
    message: 'CustomResource deletion is in progress',
  };
}

export function isProtectedGroup(group: string): boolean {
  return /(?:^|\.)(?:k8s|kubernetes)\.io$/.test(group);
}

/** How the annotation of a protected group is to be read. */
export function readApproval(crd: Crd): {
  readonly text: string;
  readonly kind: 'approved' | 'unapproved' | 'missing' | 'bad';
} {
  const text = crd.metadata.annotations?.[approvalAnnotation] ?? '';
  if (text === '') return { text, kind: 'missing' };
  if (text.startsWith('unapproved')) return { text, kind: 'unapproved' };
  return { text, kind: /^[a-z][a-z0-9+.-]*:\/\/[^/]+/i.test(text) ? 'approved' : 'bad' };
}

function approvalCondition(crd: Crd): ConditionUpdate | undefined {
  if (!isProtectedGroup(crd.spec.group ?? '')) return undefined;
  const type = 'KubernetesAPIApprovalPolicyConformant';
  const { text, kind } = readApproval(crd);
  switch (kind) {
    case 'approved':
      return { type, status: 'True', reason: 'ApprovedAnnotation', message: `approved in ${text}` };
    case 'unapproved':
      return {
        type,
        status: 'False',
        reason: 'UnapprovedAnnotation',
        message: `not approved: ${JSON.stringify(text)}`,
      };
    case 'missing':
      return {
        type,
        status: 'False',
        reason: 'MissingAnnotation',
        message: `protected groups must have approval annotation "${approvalAnnotation}"`,
      };
    default:
      return {
        type,
        status: 'False',
        reason: 'InvalidAnnotation',
        message: `protected groups must have approval annotation "${approvalAnnotation}" with either a URL or a reason starting with "unapproved"`,
      };
  }
}

interface NameJudgement {
  /** The names it may go by: those that are free, and those it had before where they are not. */
  readonly accepted: CrdNames;
  readonly conflict: ConditionUpdate | undefined;
}

function judgeNames(crd: Crd, others: readonly Crd[]): NameJudgement {
  const wanted = crd.spec.names ?? {};
  const before = crd.status?.acceptedNames ?? {};
  const resources = new Set<string>();
  const kinds = new Set<string>();
  for (const other of others) {
    if (other.spec.group !== crd.spec.group || other.metadata.name === crd.metadata.name) continue;
    const { plural, singular, shortNames, kind, listKind } = other.status?.acceptedNames ?? {};
    for (const name of [plural, singular, ...(shortNames ?? [])]) if (name !== undefined) resources.add(name);
    for (const name of [kind, listKind]) if (name !== undefined) kinds.add(name);
  }
  const accepted: CrdNames = { ...before };
  let conflict: ConditionUpdate | undefined;
  const refuse = (reason: string, message: string): void => {
    conflict = { type: 'NamesAccepted', status: 'False', reason, message };
  };
  const judge = (
    field: 'plural' | 'singular' | 'kind' | 'listKind',
    taken: Set<string>,
    reason: string,
  ): void => {
    const name = wanted[field];
    if (name === undefined || name === '') delete accepted[field];
    else if (taken.has(name) && name !== before[field])
      refuse(reason, `${JSON.stringify(name)} is already in use`);
    else accepted[field] = name;
  };
  judge('plural', resources, 'PluralConflict');
  judge('singular', resources, 'SingularConflict');
  const shortNames = wanted.shortNames ?? [];
  const takenShort = shortNames.filter((name) => resources.has(name));
  if (takenShort.length > 0 && !equal(shortNames, before.shortNames)) {
    refuse(
      'ShortNamesConflict',
      takenShort.map((name) => `${JSON.stringify(name)} is already in use`).join(', '),
    );
  } else if (shortNames.length > 0) {
    accepted.shortNames = shortNames;
  } else {
    delete accepted.shortNames;
  }
  judge('kind', kinds, 'KindConflict');
  judge('listKind', kinds, 'ListKindConflict');
  if (wanted.categories !== undefined && wanted.categories.length > 0)
    accepted.categories = wanted.categories;
  else delete accepted.categories;
  return { accepted, conflict };
}
