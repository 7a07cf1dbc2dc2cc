/** The status of a Klusterlet object, with OCM's conditions and reasons where they fit a single process. Pure. */
import { type Condition, type Klusterlet, type KlusterletStatus, setCondition } from '@flotilla/api';
import type { ReadKlusterlet } from './klusterlet-settings.js';

/** How it stands with the hub. */
export interface HubState {
  readonly isDegraded: boolean;
  /** One of OCM's words. */
  readonly reason: string;
  readonly message: string;
}

export interface KlusterletFacts {
  readonly read: ReadKlusterlet;
  /** Why the object cannot be followed; undefined: it is. */
  readonly failure: string | undefined;
  readonly hub: HubState;
  readonly nowMs: number;
}

type Update = Omit<Condition, 'lastTransitionTime'>;

export function planKlusterletStatus(klusterlet: Klusterlet, facts: KlusterletFacts): KlusterletStatus {
  const generation = klusterlet.metadata.generation ?? 0;
  const { unsupported, unknownGates } = facts.read;
  const updates: Omit<Update, 'observedGeneration'>[] = [
    facts.failure === undefined
      ? {
          type: 'Applied',
          status: 'True',
          reason: 'KlusterletApplied',
          message: 'The klusterlet runs by this object',
        }
      : { type: 'Applied', status: 'False', reason: 'KlusterletApplyFailed', message: facts.failure },
    { type: 'Available', status: 'True', reason: 'KlusterletAvailable', message: 'The klusterlet runs' },
    {
      type: 'HubConnectionDegraded',
      status: facts.hub.isDegraded ? 'True' : 'False',
      reason: facts.hub.reason,
      message: facts.hub.message,
    },
    unknownGates.length === 0
      ? {
          type: 'ValidFeatureGates',
          status: 'True',
          reason: 'FeatureGatesAllValid',
          message: 'Feature gates are all valid',
        }
      : {
          type: 'ValidFeatureGates',
          status: 'False',
          reason: 'InvalidFeatureGatesExisting',
          message: `There are invalid feature gates: ${unknownGates.join(', ')}`,
        },
    unsupported.length === 0
      ? {
          type: fieldsHonoured,
          status: 'True',
          reason: 'FieldsHonoured',
          message: 'All that is set has its effect',
        }
      : {
          type: fieldsHonoured,
          status: 'False',
          reason: 'FieldsWithoutEffect',
          message: `Without effect on this klusterlet: ${unsupported.join(', ')}`,
        },
  ];
  let conditions = klusterlet.status?.conditions ?? [];
  for (const update of updates)
    conditions = setCondition(conditions, { ...update, observedGeneration: generation }, facts.nowMs);
  return { ...klusterlet.status, observedGeneration: generation, conditions: [...conditions] };
}

/** Ours: OCM says nothing of fields that it does not know what to do with. */
export const fieldsHonoured = 'flotilla.dev/FieldsHonoured';
