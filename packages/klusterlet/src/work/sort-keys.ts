/**
 * Objects with their keys in the order of the alphabet, so that one content has one JSON text, the one that Go programs
 * write. Pure; called for hashes and for JSON in the feedback.
 */

export function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries.map(([key, item]) => [key, sortKeys(item)]));
}
