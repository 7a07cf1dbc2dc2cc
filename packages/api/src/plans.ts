/** Works that are only to be planned, and how a field that would change is told. Pure. */
import type { FieldChange } from './kinds/manifest-work-plan.js';
import { planAnnotation } from './names.js';
import type { ObjectMeta } from './object.js';

/** True for a work that a klusterlet of ours is to plan and not to apply. */
export function isPlan({ metadata }: { readonly metadata: ObjectMeta }): boolean {
  return metadata.annotations?.[planAnnotation] === 'true';
}

/** `spec.replicas: 1 -> 3`; a plus or minus before a field that comes or goes. */
export function describeFieldChange({ path, from, to }: FieldChange): string {
  if (from === undefined) return `+ ${path}: ${to ?? ''}`;
  return to === undefined ? `- ${path}: ${from}` : `${path}: ${from} -> ${to}`;
}
