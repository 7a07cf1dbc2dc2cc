/** What the statuses of Klusterlet and ClusterManager objects both say of their own fields. Pure. */
import type { ConditionUpdate } from './conditions.js';

/** Ours: OCM says nothing of fields that it does not know what to do with. */
export const fieldsHonoured = 'flotilla.dev/FieldsHonoured';

/** With OCM's type and reasons. */
export function gatesCondition(unknownGates: readonly string[]): ConditionUpdate {
  const type = 'ValidFeatureGates';
  if (unknownGates.length === 0) {
    return { type, status: 'True', reason: 'FeatureGatesAllValid', message: 'Feature gates are all valid' };
  }
  const message = `There are invalid feature gates: ${unknownGates.join(', ')}`;
  return { type, status: 'False', reason: 'InvalidFeatureGatesExisting', message };
}

/** `where` is a word for what reads the object: hub, klusterlet. */
export function fieldsCondition(unsupported: readonly string[], where: string): ConditionUpdate {
  const type = fieldsHonoured;
  if (unsupported.length === 0) {
    return { type, status: 'True', reason: 'FieldsHonoured', message: 'All that is set has its effect' };
  }
  const message = `Without effect on this ${where}: ${unsupported.join(', ')}`;
  return { type, status: 'False', reason: 'FieldsWithoutEffect', message };
}
