/** What a namespace that is going away says about what holds it: k8s pkg/controller/namespace/deletion. Pure. */
import { type Condition, setCondition } from '@flotilla/api';

/** What is left of one resource in the namespace. */
export interface Remaining {
  /** `<plural>.<group>`; the core group's name is empty and its dot stays. */
  readonly resource: string;
  readonly count: number;
  readonly finalizers: readonly string[];
}

export interface Emptying {
  readonly remaining: readonly Remaining[];
  /** Why objects could not be deleted, one text for each resource. */
  readonly failures: readonly string[];
}

/** The same list when nothing changed. */
export function deletionConditions(
  old: readonly Condition[] | undefined,
  { remaining, failures }: Emptying,
  nowMs: number,
): readonly Condition[] {
  const finalizers = countFinalizers(remaining);
  const isEmpty = remaining.length === 0;
  const wanted = [
    condition('NamespaceDeletionDiscoveryFailure', {
      no: ['ResourcesDiscovered', 'All resources successfully discovered'],
    }),
    condition('NamespaceDeletionGroupVersionParsingFailure', {
      no: ['ParsedGroupVersions', 'All legacy kube types successfully parsed'],
    }),
    condition('NamespaceDeletionContentFailure', {
      ...(failures.length > 0 && {
        yes: [
          'ContentDeletionFailed',
          `Failed to delete all resource types, ${failures.length} remaining: ${failures.join(', ')}`,
        ],
      }),
      no: ['ContentDeleted', 'All content successfully deleted, may be waiting on finalization'],
    }),
    condition('NamespaceContentRemaining', {
      ...(!isEmpty && {
        yes: ['SomeResourcesRemain', `Some resources are remaining: ${describeResources(remaining)}`],
      }),
      no: ['ContentRemoved', 'All content successfully removed'],
    }),
    condition('NamespaceFinalizersRemaining', {
      ...(finalizers !== '' && {
        yes: [
          'SomeFinalizersRemain',
          `Some content in the namespace has finalizers remaining: ${finalizers}`,
        ],
      }),
      no: ['ContentHasNoFinalizers', 'All content-preserving finalizers finished'],
    }),
  ];
  let conditions: readonly Condition[] = old ?? [];
  for (const one of wanted) conditions = setCondition(conditions, one, nowMs);
  return conditions;
}

type Words = readonly [reason: string, message: string];

function condition(type: string, { yes, no }: { yes?: Words; no: Words }) {
  const [reason, message] = yes ?? no;
  return { type, status: yes === undefined ? ('False' as const) : ('True' as const), reason, message };
}

function describeResources(remaining: readonly Remaining[]): string {
  return remaining
    .map(({ resource, count }) => `${resource} has ${count} resource instances`)
    .sort()
    .join(', ');
}

function countFinalizers(remaining: readonly Remaining[]): string {
  const counts = new Map<string, number>();
  for (const name of remaining.flatMap((one) => one.finalizers))
    counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts]
    .map(([name, count]) => `${name} in ${count} resource instances`)
    .sort()
    .join(', ');
}
