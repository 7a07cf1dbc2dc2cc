/** What a pod's annotations ask the simulated kubelet and scheduler to get wrong. Pure. */
import { type KubeObject, simulationAnnotations } from '@flotilla/api';

export interface PodFaults {
  /** Absent: all containers. */
  readonly container?: string;
  readonly startDelayMs: number;
  readonly stuckCreating?: string;
  /** How many pulls fail; infinite for ever. */
  readonly imagePullFailures: number;
  readonly exit?: ExitFault;
  /** A run that ends in no other way ends well after so long, as those of Jobs do. */
  readonly completesAfterMs?: number;
  readonly readyDelayMs: number;
  readonly neverReady: boolean;
}

export interface ExitFault {
  readonly code: number;
  readonly reason: 'Completed' | 'Error' | 'OOMKilled';
  readonly message: string;
  readonly afterMs: number;
  /** Runs that end so. */
  readonly times: number;
}

const names = simulationAnnotations;
/** SIGKILL, as the kernel sends it to who takes too much memory. */
const oomExitCode = 137;

/** Undefined when the pod asks for nothing. What cannot be read counts as absent. */
export function faultsOf({ metadata }: KubeObject): PodFaults | undefined {
  const { annotations = {} } = metadata;
  if (!faultNames.some((name) => annotations[name] !== undefined)) return undefined;
  const container = annotations[names.container];
  const stuckCreating = annotations[names.stuckCreating];
  const exit = exitOf(annotations);
  return {
    ...(container !== undefined && { container }),
    startDelayMs: milliseconds(annotations[names.startDelaySeconds]) ?? 0,
    ...(stuckCreating !== undefined && { stuckCreating }),
    imagePullFailures: times(annotations[names.imagePullFailures]) ?? 0,
    ...(exit !== undefined && { exit }),
    readyDelayMs: milliseconds(annotations[names.readyDelaySeconds]) ?? 0,
    neverReady: annotations[names.neverReady] === 'true',
  };
}

/** Why no node is to take the pod. */
export function unschedulableReason({ metadata }: KubeObject): string | undefined {
  return metadata.annotations?.[names.unschedulable];
}

/** How long its deletion takes. */
export function deleteDelayMs({ metadata }: KubeObject): number {
  return milliseconds(metadata.annotations?.[names.deleteDelaySeconds]) ?? 0;
}

const faultNames = [
  names.startDelaySeconds,
  names.stuckCreating,
  names.imagePullFailures,
  names.exitCode,
  names.oomKilled,
  names.readyDelaySeconds,
  names.neverReady,
];

function exitOf(annotations: Readonly<Record<string, string>>): ExitFault | undefined {
  const isOom = annotations[names.oomKilled] === 'true';
  const text = annotations[names.exitCode];
  if (!isOom && (text === undefined || !/^\d{1,3}$/.test(text))) return undefined;
  const code = isOom ? oomExitCode : Number(text) & 0xff;
  return {
    code,
    reason: isOom ? 'OOMKilled' : code === 0 ? 'Completed' : 'Error',
    message: annotations[names.exitMessage] ?? '',
    afterMs: milliseconds(annotations[names.exitAfterSeconds]) ?? 1000,
    times: times(annotations[names.exitTimes]) ?? Number.POSITIVE_INFINITY,
  };
}

function milliseconds(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+(\.\d+)?$/.test(text) ? Number(text) * 1000 : undefined;
}

function times(text: string | undefined): number | undefined {
  if (text === 'always') return Number.POSITIVE_INFINITY;
  return text !== undefined && /^\d{1,6}$/.test(text) ? Number(text) : undefined;
}
