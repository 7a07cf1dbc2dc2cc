/**
 * What the hub must say of one work, from what its user asked and was answered, and nothing else. A request whose answer
 * was lost may or may not have been carried out: until the hub has shown which, both are right. Requests for one work
 * are made one after the other. Pure; `hub-model.ts` keeps one for each work.
 */
import { toWork } from '../items.js';
import { carriedOut, type Edition } from './editions.js';
import { firstDifference } from './first-difference.js';

/** A work as the hub shows it, to whoever wrote it or asks for it. */
export interface SeenWork {
  readonly uid: string;
  readonly generation: number;
  /** It is being deleted. */
  readonly isGoing: boolean;
  readonly spec: unknown;
  readonly label: string | undefined;
  /** It is annotated as a plan. */
  readonly isPlan: boolean;
  /** The same text: the same work in every field. */
  readonly version: string;
}

export type Change =
  | { readonly do: 'apply'; readonly edition: Edition }
  /** Back to a generation that the work with this uid had; bound to the generation that was read. */
  | { readonly do: 'undo'; readonly uid: string; readonly from: number; readonly edition: Edition }
  | { readonly do: 'label'; readonly value: string }
  /** It is a plan no longer. */
  | { readonly do: 'carry out' }
  | { readonly do: 'remove' };

export interface Live {
  readonly is: 'live';
  /** Undefined: a new one, which nobody has seen yet. */
  readonly uid: string | undefined;
  readonly generation: number;
  readonly edition: Edition;
  readonly label: string | undefined;
}

export type State =
  | { readonly is: 'absent' }
  | Live
  /** Its user has deleted it; it is there until its klusterlet lets it go. */
  | {
      readonly is: 'going';
      readonly uid: string | undefined;
      /** Or it is this one: nobody knows whether another came after it before that was deleted, too. */
      readonly orUid?: string;
    };

/** A way in which the hub may have come to a state. */
interface Way {
  readonly state: State;
  readonly changes: readonly Change[];
  readonly passed: readonly State[];
}

export interface WorkSnapshot {
  readonly state: State;
  readonly open: readonly Change[];
  readonly history: ReadonlyMap<string, Edition>;
}

export class WorkModel {
  #state: State = { is: 'absent' };
  /** Not known whether they were carried out, in their order. */
  #open: Change[] = [];
  #pending: Change | undefined;
  #history = new Map<string, Edition>();
  readonly #uids = new Set<string>();
  #lastSeen: string | undefined;
  #isBeingCleared = false;

  /** Somebody removes whatever work of its name there is, as soon as it can be: it may be gone at any moment, or not yet. */
  set isBeingCleared(isSo: boolean) {
    this.#isBeingCleared = isSo;
    this.#lastSeen = undefined;
  }

  /** Undefined while it is not certain. */
  get state(): State | undefined {
    return this.#open.length === 0 ? this.#state : undefined;
  }

  /** The spec that a generation had; undefined: an answer was lost, and nobody has seen it. */
  generation(uid: string, generation: number): Edition | undefined {
    return this.#history.get(`${uid} ${generation}`);
  }

  begin(change: Change): void {
    this.#open.push(change);
    this.#pending = change;
    this.#lastSeen = undefined;
  }

  /** It was not carried out. */
  refused(change: Change): void {
    if (this.#pending !== change) return;
    this.#pending = undefined;
    this.#open = this.#open.filter((each) => each !== change);
  }

  /** Nobody knows. */
  lost(change: Change): void {
    if (this.#pending === change) this.#pending = undefined;
  }

  /** The hub says that it was carried out; `seen` as the answer shows it. Returns what is wrong with that. */
  answered(change: Change, seen?: SeenWork): string | undefined {
    if (this.#pending !== change) return undefined; // said by a hub that has gone back since
    this.#pending = undefined;
    if (!this.#open.includes(change)) return undefined; // what it did was seen before its answer came
    const before = this.#open.filter((each) => each !== change);
    if (seen === undefined) return this.#settleOnEnd(before, change);
    const ways = this.#ways(before).flatMap((way) =>
      effectsOf(way.state, change).map((state) => next(way, change, state)),
    );
    const right = ways.find(({ state }) => this.#matches(state, seen));
    if (right === undefined) return this.#wrong(seen, ways);
    this.#take(right, seen);
    this.#open = [];
    return undefined;
  }

  /** What the hub shows at some moment. Returns what is wrong with that. */
  look(seen: SeenWork | undefined): string | undefined {
    if (seen !== undefined && seen.version === this.#lastSeen) return undefined;
    const ways = this.#ways(this.#open);
    const right = ways.find(({ state }) => this.#matches(state, seen));
    if (right === undefined) return this.#wrong(seen, ways);
    this.#take(right, seen);
    this.#open = this.#open.filter((each) => !right.changes.includes(each));
    this.#lastSeen = seen?.version;
    return undefined;
  }

  /** What was lost will not come any more. */
  settle(): void {
    this.#open = this.#open.filter((change) => change === this.#pending);
  }

  snapshot(): WorkSnapshot {
    return { state: this.#state, open: [...this.#open], history: new Map(this.#history) };
  }

  /** The hub is as it was then; undefined: it had no such work. What is under way may reach the one or the other hub. */
  restore(snapshot: WorkSnapshot | undefined): void {
    const open = [...(snapshot?.open ?? [])];
    if (this.#pending !== undefined && !open.includes(this.#pending)) open.push(this.#pending);
    this.#pending = undefined;
    this.#state = snapshot?.state ?? { is: 'absent' };
    this.#open = open;
    this.#history = new Map(snapshot?.history);
    this.#lastSeen = undefined;
  }

  /** After an answer without the work in it: there was one, and now it is on its way out. */
  #settleOnEnd(before: readonly Change[], change: Change): undefined {
    const states = this.#ways(before).flatMap(({ state }) => effectsOf(state, change));
    const going = states.filter((state) => state.is === 'going');
    const known = going.find(({ uid }) => uid !== undefined)?.uid;
    const isPerhapsNew = going.some(({ uid }) => uid === undefined);
    this.#state =
      isPerhapsNew && known !== undefined
        ? { is: 'going', uid: undefined, orUid: known }
        : { is: 'going', uid: known };
    this.#open = [];
    this.#lastSeen = undefined;
  }

  /** Of ways that end in the same state, the one with the fewest changes: else there were 2 to the power of them. */
  #ways(changes: readonly Change[]): Way[] {
    let ways = this.#perhapsCleared([{ state: this.#state, changes: [], passed: [] }]);
    for (const change of changes) {
      const byState = new Map<string, Way>();
      for (const way of ways) {
        const more = effectsOf(way.state, change).map((state) => next(way, change, state));
        for (const each of this.#perhapsCleared([way, ...more])) {
          const id = idOf(each.state);
          if (!byState.has(id)) byState.set(id, each);
        }
      }
      ways = [...byState.values()];
    }
    return ways;
  }

  #perhapsCleared(ways: readonly Way[]): Way[] {
    if (!this.#isBeingCleared) return [...ways];
    return ways.flatMap((way) => {
      const { state, passed } = way;
      if (state.is !== 'live') return [way];
      const going = { is: 'going', uid: state.uid } as const;
      return [way, { ...way, state: going, passed: [...passed, going] }];
    });
  }

  #matches(state: State, seen: SeenWork | undefined): boolean {
    if (seen === undefined) return state.is !== 'live';
    if (state.is === 'absent') return false;
    const isRightOne = state.uid === undefined ? !this.#uids.has(seen.uid) : state.uid === seen.uid;
    const isOther = state.is === 'going' && state.orUid === seen.uid;
    if (!(isRightOne || isOther) || seen.isGoing !== (state.is === 'going')) return false;
    if (state.is === 'going') return true;
    const { generation, label, edition } = state;
    return (
      generation === seen.generation &&
      label === seen.label &&
      (edition.isPlan === true) === seen.isPlan &&
      firstDifference(specOf(edition), seen.spec) === undefined
    );
  }

  #take({ state, passed }: Way, seen: SeenWork | undefined): void {
    if (seen === undefined) {
      this.#state = { is: 'absent' };
      return;
    }
    this.#uids.add(seen.uid);
    if (state.is === 'absent') this.#state = state;
    else this.#state = state.is === 'going' ? { is: 'going', uid: seen.uid } : { ...state, uid: seen.uid };
    for (const each of [...passed, state]) {
      if (each.is !== 'live' || (each.uid ?? seen.uid) !== seen.uid) continue;
      this.#history.set(`${seen.uid} ${each.generation}`, each.edition);
    }
  }

  #wrong(seen: SeenWork | undefined, ways: readonly Way[]): string {
    const right = [...new Set(ways.map(({ state }) => describe(state)))].join(' or ');
    return `the hub has ${describeSeen(seen)}, it must have ${right}`;
  }
}

/** The same text: the same state. */
function idOf(state: State): string {
  if (state.is === 'absent') return state.is;
  if (state.is === 'going') return `${state.is} ${state.uid} ${state.orUid}`;
  return `${state.is} ${state.uid} ${state.generation} ${state.edition.token} ${state.edition.isPlan} ${state.label}`;
}

function next(way: Way, change: Change, state: State): Way {
  return { state, changes: [...way.changes, change], passed: [...way.passed, state] };
}

/** What can come of a change that is carried out. */
function effectsOf(state: State, change: Change): State[] {
  const made = (edition: Edition): Live => ({
    is: 'live',
    uid: undefined,
    generation: 1,
    edition,
    label: undefined,
  });
  switch (change.do) {
    case 'apply':
      if (state.is === 'absent') return [made(change.edition)];
      // What is applied does not become a plan.
      if (state.is === 'live' && change.edition.isPlan === true && state.edition.isPlan !== true)
        return [state];
      // What goes may be gone in the meantime; what is changed while it goes, goes all the same.
      return state.is === 'going' ? [state, made(change.edition)] : [edited(state, change.edition)];
    case 'undo': {
      const isBound =
        state.is === 'live' &&
        (state.uid === undefined || state.uid === change.uid) &&
        state.generation === change.from;
      return isBound ? [edited(state, change.edition)] : [state];
    }
    case 'carry out':
      return [state.is === 'live' ? { ...state, edition: carriedOut(state.edition) } : state];
    case 'label':
      return [state.is === 'live' ? { ...state, label: change.value } : state];
    case 'remove':
      return [state.is === 'live' ? { is: 'going', uid: state.uid } : state];
  }
}

function edited(state: Live, edition: Edition): Live {
  const isSame = state.edition.token === edition.token;
  return { ...state, edition, generation: state.generation + (isSame ? 0 : 1) };
}

const specs = new WeakMap<Edition, unknown>();

/** As it is sent; the hub keeps every word of it and adds nothing but defaults. */
function specOf(edition: Edition): unknown {
  const spec = specs.get(edition) ?? toWork(edition.plan, edition.token).spec;
  specs.set(edition, spec);
  return spec;
}

function describe(state: State): string {
  if (state.is !== 'live') return state.is === 'absent' ? 'no such work' : 'one that is being deleted';
  const label = state.label === undefined ? '' : `, label ${state.label}`;
  const plan = state.edition.isPlan === true ? ', a plan' : '';
  return `generation ${state.generation} as of ${state.edition.token}${label}${plan}`;
}

function describeSeen(seen: SeenWork | undefined): string {
  if (seen === undefined) return 'no such work';
  const token = /"sim\.example\/token":"([^"]*)"/.exec(JSON.stringify(seen.spec))?.[1] ?? 'nothing known';
  const label = seen.label === undefined ? '' : `, label ${seen.label}`;
  const state = `${seen.isPlan ? ', a plan' : ''}${seen.isGoing ? ', being deleted' : ''}`;
  return `generation ${seen.generation} as of ${token}${label}${state} (uid ${seen.uid})`;
}
