/** A short name for a pod template: equal templates have the same, whatever the order of their keys. Pure. */
import { createHash } from 'node:crypto';
import { isObject } from '@flotilla/api';

/** No vowels and nothing that looks like something else, as Kubernetes has it. */
const alphabet = 'bcdfghjklmnpqrstvwxz2456789';

export function templateHash(template: unknown): string {
  const digest = createHash('sha256').update(canonicalText(template)).digest();
  let text = '';
  for (const byte of digest.subarray(0, 10)) text += alphabet[byte % alphabet.length];
  return text;
}

function canonicalText(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonicalText).join()}]`;
  if (!isObject(value)) return JSON.stringify(value ?? null);
  const keys = Object.keys(value)
    .filter((key) => value[key] !== undefined && value[key] !== null)
    .sort();
  return `{${keys.map((key) => `${JSON.stringify(key)}:${canonicalText(value[key])}`).join()}}`;
}
