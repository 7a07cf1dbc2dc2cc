/**
 * What happens in one simulation, as plain data: a scenario can be printed, cut down, kept in a file and run again.
 * `plan-scenario.ts` makes one from a seed. Pure.
 */
import type { CutMode } from '@flotilla/kube/testing';
import type { ApiFault } from './api-faults.js';
import type { WorkPlan } from './items.js';

export type Drift =
  /** Of an annotation: what is there is not what any work has asked for. */
  | 'edit'
  /** One field of ours gets another value, or goes. */
  | 'change field'
  | 'drop field'
  /** Fields that no work sets: they are not ours, and stay. */
  | 'add field'
  | 'count'
  | 'delete'
  | 'disown'
  | 'replace';

/** The name of a simulated process: `hub`, a cluster, or `klusterlet-` and the cluster. */
export type NodeName = string;

/** What users and operators do. */
type Doing =
  | { readonly do: 'apply'; readonly plan: WorkPlan }
  | { readonly do: 'remove'; readonly cluster: string; readonly name: string }
  /** Back to one of the former generations of a work. */
  | { readonly do: 'undo'; readonly cluster: string; readonly name: string; readonly pick: number }
  /** Asks what a work would do; nothing of it may ever be done. */
  | { readonly do: 'plan'; readonly plan: WorkPlan }
  /** The same as a work that is annotated as a plan. */
  | { readonly do: 'apply as plan'; readonly plan: WorkPlan }
  /** Of such a work, which is to be applied after all. */
  | { readonly do: 'carry out'; readonly cluster: string; readonly name: string }
  | { readonly do: 'label work'; readonly cluster: string; readonly name: string; readonly value: string }
  | { readonly do: 'label cluster'; readonly cluster: string; readonly value: string }
  /** All certificates of the cluster are void; after `awayMs` it is given a new token. */
  | { readonly do: 'revoke'; readonly cluster: string; readonly awayMs: number }
  /** `klusterlet leave --keep-workloads`, or one that removes them, and after `awayMs` `klusterlet join` again. */
  | { readonly do: 'leave'; readonly cluster: string; readonly awayMs: number; readonly removes?: boolean }
  /** The hub does not accept the cluster any more; after `awayMs` it does again. */
  | { readonly do: 'deny'; readonly cluster: string; readonly awayMs: number }
  /** `hub clusters remove`, and after `awayMs` it is given a new token and joins again. */
  | { readonly do: 'remove cluster'; readonly cluster: string; readonly awayMs: number }
  /** Somebody deletes the cluster's namespace on the hub, with all that is in it. */
  | { readonly do: 'wipe namespace'; readonly cluster: string }
  | { readonly do: 'upgrade'; readonly cluster: string; readonly minor: number }
  | { readonly do: 'back up hub' }
  /** Somebody tries what is not allowed or makes no sense. */
  | { readonly do: 'steal'; readonly cluster: string; readonly pick: number }
  | { readonly do: 'ask nonsense'; readonly cluster: string; readonly pick: number }
  | { readonly do: 'wait' };

type NetworkFault =
  | { readonly do: 'cut'; readonly link: string; readonly mode: CutMode }
  | { readonly do: 'heal'; readonly link: string }
  /** Any of all links at once, those of users too. */
  | { readonly do: 'partition'; readonly links: readonly string[]; readonly mode: CutMode }
  /** All links are whole again. */
  | { readonly do: 'reunite' }
  | { readonly do: 'reset'; readonly link: string }
  | { readonly do: 'stall'; readonly link: string }
  | { readonly do: 'delay'; readonly link: string; readonly maxMs: number }
  | { readonly do: 'narrow'; readonly link: string; readonly bytesPerSecond: number }
  /** Clients take so long for each piece of an answer, and leave the rest to the server. */
  | { readonly do: 'read slowly'; readonly link: string; readonly pieceMs: number }
  | { readonly do: 'noise'; readonly loss: number };

type ProcessFault =
  | { readonly do: 'crash hub'; readonly downMs: number; readonly after?: number }
  | {
      readonly do: 'crash klusterlet';
      readonly cluster: string;
      readonly downMs: number;
      /** Not now, but at its so-manieth operation from now on. */
      readonly after?: number;
      /** Files that it is writing are torn. */
      readonly tears?: boolean;
    }
  | {
      readonly do: 'crash cluster';
      readonly cluster: string;
      readonly downMs: number;
      readonly after?: number;
    }
  /** The server forgets all history of its objects, and restarts. */
  | { readonly do: 'forget history'; readonly server: NodeName; readonly downMs: number }
  /** The hub comes back as it was at the last back-up. */
  | { readonly do: 'restore hub'; readonly downMs: number }
  /** Cluster and klusterlet are made anew, empty, under the same name. */
  | { readonly do: 'rebuild'; readonly cluster: string; readonly downMs: number }
  | { readonly do: 'disk'; readonly node: NodeName; readonly fault: 'full' | 'unreadable' | 'none' }
  /** Its clock is wrong by so much. */
  | { readonly do: 'skew'; readonly node: NodeName; readonly byMs: number }
  /** Its clock leaps, from wherever it is. */
  | { readonly do: 'jump'; readonly node: NodeName; readonly byMs: number }
  /** All machines sleep: the time passes, and nobody is there. */
  | { readonly do: 'sleep'; readonly forMs: number };

type ServerFault =
  | {
      readonly do: 'trouble';
      readonly server: NodeName;
      readonly fault: ApiFault | 'none';
      readonly share: number;
    }
  | { readonly do: 'drift'; readonly cluster: string; readonly drift: Drift; readonly pick: number }
  /** Just before the klusterlet's next write (of this kind) in the cluster, somebody else changes that very object. */
  | {
      readonly do: 'ambush';
      readonly cluster: string;
      readonly drift: Drift;
      readonly before?: 'PATCH' | 'DELETE';
    };

export type Action = Doing | NetworkFault | ProcessFault | ServerFault;

/** The action, and how much time passes before the next one. */
export type Step = Action & { readonly thenMs: number };

export interface Scenario {
  readonly seed: number;
  readonly clusters: readonly { readonly name: string; readonly minor: number }[];
  readonly steps: readonly Step[];
}

/** Objects that the world plants in each cluster, for works to name. */
export const foreignNames = ['foreign-read', 'foreign-kept', 'foreign-alone'] as const;

export const userLink = 'user';
export const hubLink = (cluster: string): string => `hub-${cluster}`;
export const clusterLink = (cluster: string): string => `cluster-${cluster}`;

/** The name under which a step counts as a fault; users' doings are none. */
export function faultOf(step: Action): string | undefined {
  switch (step.do) {
    case 'apply':
    case 'remove':
    case 'undo':
    case 'plan':
    case 'apply as plan':
    case 'carry out':
    case 'label work':
    case 'label cluster':
    case 'back up hub':
    case 'heal':
    case 'reunite':
    case 'wait':
      return undefined;
    case 'cut':
    case 'partition':
      return `${step.do}: ${step.mode}`;
    case 'jump':
      return `clock leaps ${step.byMs < 0 ? 'back' : 'ahead'}`;
    case 'drift':
    case 'ambush':
      return `${step.do}: ${step.drift}`;
    case 'trouble':
      return step.fault === 'none' ? undefined : `API server: ${step.fault}`;
    case 'disk':
      return step.fault === 'none' ? undefined : `disk ${step.fault}`;
    case 'crash hub':
    case 'crash klusterlet':
    case 'crash cluster': {
      const torn = step.do === 'crash klusterlet' && step.tears ? ', files torn' : '';
      return `${step.do}${step.after === undefined ? '' : ' at an await point'}${torn}`;
    }
    case 'leave':
      return step.removes ? 'leave, workloads removed' : 'leave';
    case 'read slowly':
      return step.pieceMs > 0 ? step.do : undefined;
    default:
      return step.do;
  }
}
