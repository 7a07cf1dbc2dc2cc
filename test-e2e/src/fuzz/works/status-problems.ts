/** What is wrong with the status of a work, by the API's rules for conditions and by ours. Pure. */
import type { Condition, ManifestWork } from '@flotilla/api';
import { manifestsOf } from './cluster-content.js';

const typePattern =
  /^([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*\/)?(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])$/;
const reasonPattern = /^[A-Z]([A-Za-z0-9]*[A-Za-z0-9])?$/;

/** Undefined when the klusterlet has not yet spoken about this generation. */
export function statusProblems({ metadata, spec, status }: ManifestWork): string[] | undefined {
  const { generation } = metadata;
  const conditions = status?.conditions ?? [];
  const available = conditions.find(({ type }) => type === 'Available');
  if (available?.observedGeneration !== generation) return undefined;
  const entries = status?.resourceStatus?.manifests ?? [];
  const count = manifestsOf(spec).length;
  const problems = conditions.flatMap((each) => conditionProblems('work', each));
  for (const { type, observedGeneration } of conditions) {
    if (type === 'Applied' && count === 0) continue; // there is nothing to say
    if (type !== 'Deleting' && observedGeneration !== generation) {
      problems.push(`${type} is of generation ${observedGeneration}, not ${generation}`);
    }
  }
  if (entries.length !== count) problems.push(`${entries.length} entries for ${count} manifests`);
  for (const [at, entry] of entries.entries()) {
    if (entry.resourceMeta.ordinal !== at)
      problems.push(`entry ${at} has ordinal ${entry.resourceMeta.ordinal}`);
    const applied = entry.conditions.find(({ type }) => type === 'Applied');
    if (applied?.observedGeneration !== generation) problems.push(`entry ${at} is of an older generation`);
    problems.push(...entry.conditions.flatMap((each) => conditionProblems(`manifest ${at}`, each)));
    const types = entry.conditions.map(({ type }) => type);
    if (new Set(types).size < types.length) problems.push(`entry ${at} has a condition twice`);
  }
  return problems;
}

function conditionProblems(where: string, { type, status, reason, message, ...rest }: Condition): string[] {
  const problems: string[] = [];
  if (!typePattern.test(type) || type.length > 316)
    problems.push(`type ${JSON.stringify(type.slice(0, 400))}`);
  if (!['True', 'False', 'Unknown'].includes(status)) problems.push(`status ${status}`);
  if (!reasonPattern.test(reason) || reason.length > 1024) problems.push(`reason ${JSON.stringify(reason)}`);
  if ([...message].length > 32_768) problems.push(`a message of ${message.length} characters`);
  if (Number.isNaN(Date.parse(rest.lastTransitionTime ?? ''))) problems.push('no transition time');
  if (/unexpected error|TypeError|RangeError|undefined|\[object Object\]|Maximum call stack/.test(message)) {
    problems.push(`a message of our own failure: ${message.slice(0, 300)}`);
  }
  return problems.map((problem) => `${where}: ${type}: ${problem}`);
}
