/** The words in which health is told, and the view of an object from which it is judged. Pure. */
import type { JsonObject } from '@flotilla/api';

export type HealthState = 'Current' | 'InProgress' | 'Failed' | 'Terminating';

export interface Health {
  readonly state: HealthState;
  /** One sentence; what is missing where something is. */
  readonly message: string;
}

export const current = (message: string): Health => ({ state: 'Current', message });
export const inProgress = (message: string): Health => ({ state: 'InProgress', message });
export const failed = (message: string): Health => ({ state: 'Failed', message });

/** A live object as the rules of a kind see it: whatever the server left out reads as empty. */
export interface Subject {
  readonly spec: JsonObject;
  readonly status: JsonObject;
  readonly generation: number | undefined;
  condition(type: string): ObservedCondition | undefined;
}

export interface ObservedCondition {
  readonly status: string;
  readonly reason: string;
  readonly message: string;
}

/** What a condition says of itself. */
export function sentence({ reason, message }: ObservedCondition, otherwise: string): string {
  if (message !== '') return message;
  return reason !== '' ? `${otherwise}: ${reason}` : otherwise;
}

/** A status may hold anything where no schema forbids it; what is no text says nothing. */
export function textOf(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
