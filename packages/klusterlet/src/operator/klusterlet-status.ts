/** The status of a Klusterlet object, with OCM's conditions and reasons where they fit a single process. Pure. */
import {
  type Condition,
  fieldsCondition,
  gatesCondition,
  type Klusterlet,
  type KlusterletStatus,
  setCondition,
} from '@flotilla/api';
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
    gatesCondition(unknownGates),
    fieldsCondition(unsupported, 'klusterlet'),
  ];
  let conditions = klusterlet.status?.conditions ?? [];
  for (const update of updates)
    conditions = setCondition(conditions, { ...update, observedGeneration: generation }, facts.nowMs);
  return { ...klusterlet.status, observedGeneration: generation, conditions: [...conditions] };
}
