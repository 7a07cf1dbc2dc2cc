/**
 * Why a workload does not become what it should be, in one sentence: what its pods wait for, and the newest warning
 * about it or what belongs to it. It only reads, and as much as the klusterlet may: what it may not read it leaves out.
 * Called by the diagnoses, seconds after something was found not to be healthy.
 */
import {
  formatLabelSelector,
  hasReason,
  isObject,
  type JsonObject,
  type KubeObject,
  labelSelectorFromObject,
} from '@flotilla/api';
import { type KubeClient, type ListOptions, type ResourceRef, wellKnown } from '@flotilla/kube';

/** An object that may be asked why. */
export interface Patient {
  readonly ref: ResourceRef;
  readonly kind: string;
  readonly namespace: string;
  readonly name: string;
}

/** Kinds that have pods, by group and kind. */
const withPods: ReadonlySet<string> = new Set([
  'apps/Deployment',
  'apps/ReplicaSet',
  'apps/StatefulSet',
  'apps/DaemonSet',
  'batch/Job',
]);

const maxPods = 50;
const maxEvents = 500;
/** Of the different reasons for which pods wait. */
const maxReasons = 3;
const maxTextLength = 300;

/** Empty when nothing can be said. @throws when the cluster cannot be asked. */
export async function diagnose(client: KubeClient, patient: Patient, signal: AbortSignal): Promise<string> {
  const { ref, kind, namespace, name } = patient;
  const pods = await podsOf(client, patient, signal);
  const events = await listIfAllowed(client, wellKnown.events, {
    namespace,
    fieldSelector: 'type=Warning',
    limit: maxEvents,
    signal,
  });
  const names = new Set(pods.map((pod) => pod.metadata.name));
  const isAbout = (involved: JsonObject): boolean => {
    const about = String(involved['name'] ?? '');
    if (involved['kind'] === kind) return about === name;
    if (involved['kind'] === 'Pod') return names.has(about);
    // A deployment's replica sets are named after it.
    return (
      ref.resource === 'deployments' && involved['kind'] === 'ReplicaSet' && about.startsWith(`${name}-`)
    );
  };
  const warning = newest(
    events.filter((event) => isObject(event['involvedObject']) && isAbout(event['involvedObject'])),
  );
  return [...reasonsOf(pods), ...(warning === undefined ? [] : [describeEvent(warning)])].join('; ');
}

async function podsOf(
  client: KubeClient,
  { ref, kind, namespace, name }: Patient,
  signal: AbortSignal,
): Promise<readonly KubeObject[]> {
  if (kind === 'Pod') return [await client.get<KubeObject>(ref, { namespace, name }, { signal })];
  if (!withPods.has(`${ref.group}/${kind}`)) return [];
  const workload = await client.get<KubeObject>(ref, { namespace, name }, { signal });
  const selector = isObject(workload['spec']) ? workload['spec']['selector'] : undefined;
  if (!isObject(selector)) return [];
  const labelSelector = formatLabelSelector(labelSelectorFromObject(selector));
  if (labelSelector === '') return []; // it would name every pod of the namespace
  return listIfAllowed(client, wellKnown.pods, { namespace, labelSelector, limit: maxPods, signal });
}

async function listIfAllowed(
  client: KubeClient,
  ref: ResourceRef,
  options: ListOptions,
): Promise<readonly KubeObject[]> {
  try {
    return (await client.list<KubeObject>(ref, options)).items;
  } catch (error) {
    if (hasReason(error, 'Forbidden', 'NotFound')) return [];
    throw error;
  }
}

/** The same reason of many pods is told once, with their number. */
function reasonsOf(pods: readonly KubeObject[]): string[] {
  const byReason = new Map<string, string[]>();
  for (const pod of pods) {
    const reason = whyWaiting(pod);
    if (reason === undefined) continue;
    byReason.set(reason, [...(byReason.get(reason) ?? []), pod.metadata.name ?? '']);
  }
  return [...byReason].slice(0, maxReasons).map(([reason, names]) => {
    const others = names.length > 1 ? ` and ${names.length - 1} more` : '';
    return `pod ${names[0]}${others}: ${reason}`;
  });
}

function whyWaiting({ status }: KubeObject): string | undefined {
  if (!isObject(status)) return undefined;
  const containers = [status['initContainerStatuses'], status['containerStatuses']].flatMap((list) =>
    Array.isArray(list) ? list.filter(isObject) : [],
  );
  for (const container of containers) {
    const waiting = at(container, 'state', 'waiting');
    if (waiting === undefined || waiting['reason'] === 'PodInitializing') continue;
    if (waiting['reason'] === 'ContainerCreating') continue;
    const last = at(container, 'lastState', 'terminated');
    const end =
      last === undefined
        ? ''
        : `, last ended with ${String(last['reason'])} (exit code ${String(last['exitCode'])})`;
    return cut(`container ${String(container['name'])} waits: ${withMessage(waiting)}${end}`);
  }
  const ended = containers
    .map((container) => at(container, 'state', 'terminated'))
    .find((each) => each?.['exitCode']);
  if (ended !== undefined)
    return cut(`ended with ${withMessage(ended)} (exit code ${String(ended['exitCode'])})`);
  const conditions = Array.isArray(status['conditions']) ? status['conditions'].filter(isObject) : [];
  const scheduled = conditions.find(
    ({ type, status: value }) => type === 'PodScheduled' && value === 'False',
  );
  return scheduled && cut(`not scheduled: ${withMessage(scheduled)}`);
}

function at(object: JsonObject, ...path: string[]): JsonObject | undefined {
  let value: unknown = object;
  for (const field of path) value = isObject(value) ? value[field] : undefined;
  return isObject(value) ? value : undefined;
}

function withMessage(state: JsonObject): string {
  const { reason, message } = state as { reason?: unknown; message?: unknown };
  return [reason, message].filter((each) => typeof each === 'string' && each !== '').join(': ');
}

/** Undefined when there is none. Times are RFC 3339 in UTC, which sort as text. */
function newest(events: readonly KubeObject[]): KubeObject | undefined {
  return events.reduce<KubeObject | undefined>(
    (found, event) => (found === undefined || timeOf(event) >= timeOf(found) ? event : found),
    undefined,
  );
}

function timeOf(event: KubeObject): string {
  const series = isObject(event['series']) ? event['series']['lastObservedTime'] : undefined;
  return String(
    series ?? event['lastTimestamp'] ?? event['eventTime'] ?? event.metadata.creationTimestamp ?? '',
  );
}

function describeEvent(event: KubeObject): string {
  const { reason, message, involvedObject } = event as KubeObject & { involvedObject: JsonObject };
  return cut(
    `warning ${String(reason)} of ${String(involvedObject['kind'])} ${String(involvedObject['name'])}: ${String(message).trim()}`,
  );
}

function cut(text: string): string {
  return text.length > maxTextLength ? `${text.slice(0, maxTextLength - 1)}…` : text;
}
