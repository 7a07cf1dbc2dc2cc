/**
 * Compares what a server holds after a crash, and what a watch has shown of it, with what the storm's oracle knows.
 * Throws assertion errors that name the object. Called by the crash and the backup tests.
 */
import { expect } from 'chai';
import {
  type ConfigMap,
  type Log,
  type Outcome,
  revisionOf,
  type SeenEvent,
  sharedName,
  textOf,
  type WriteStorm,
} from './write-storm.js';

export interface StormFindings {
  /** With the truth from before its last storm. */
  readonly storm: WriteStorm;
  readonly items: readonly ConfigMap[];
  /** What a watch has shown since that truth. */
  readonly events: readonly SeenEvent[];
  /** Said with each failure. */
  readonly title: string;
}

/** Takes the storm's logs. */
export function checkStorm({ storm, items, events, title }: StormFindings): void {
  const held = new Map(items.map((item) => [item.metadata.name ?? '', item]));
  const logs = storm.takeLogs();
  checkOrder(events, title);
  for (const name of new Set([...storm.truth.keys(), ...logs.keys(), ...held.keys()])) {
    const at = `${title}, ${name}`;
    const seen = events.filter((event) => event.name === name);
    const before = storm.truth.get(name);
    const now = held.get(name);
    checkSequence({ before, now, seen, at });
    checkOutcomes(seen, logs.get(name) ?? { acknowledged: [], inFlight: [] }, {
      at,
      isShared: name === sharedName,
    });
  }
}

function checkOrder(events: readonly SeenEvent[], title: string): void {
  let before = 0n;
  for (const { revision, name } of events) {
    expect(revision > before, `${title}, ${name}: event ${revision} after ${before}`).to.equal(true);
    before = revision;
  }
}

interface Sequence {
  readonly before: ConfigMap | undefined;
  readonly now: ConfigMap | undefined;
  readonly seen: readonly SeenEvent[];
  readonly at: string;
}

/** The events of one object follow from one another, begin with what was there, and end with what is. */
function checkSequence({ before, now, seen, at }: Sequence): void {
  let state = before && { text: textOf(before), revision: revisionOf(before) };
  for (const { type, text, revision } of seen) {
    expect(type === 'ADDED', `${at}: ${type} when it ${state ? 'existed' : 'did not exist'}`).to.equal(
      state === undefined,
    );
    state = type === 'DELETED' ? undefined : { text, revision };
  }
  expect(now && { text: textOf(now), revision: revisionOf(now) }, at).to.deep.equal(state);
}

/** Each acknowledged write is one event, in order, and each other event a write that was on its way. */
function checkOutcomes(
  seen: readonly SeenEvent[],
  { acknowledged, inFlight }: Log,
  { at, isShared }: { at: string; isShared: boolean },
): void {
  const rest = [...seen];
  const outcomeOf = ({ type, text }: SeenEvent): Outcome => (type === 'DELETED' ? undefined : text);
  for (const { outcome, revision } of acknowledged) {
    const index = rest.findIndex((event) => outcomeOf(event) === outcome);
    const what = `${at}: ${outcome?.slice(0, 20) ?? 'a delete'}`;
    expect(index, `${what} was acknowledged and is not there`).to.be.at.least(0);
    // Several write the shared object, and learn of it in any order.
    if (!isShared) expect(index, `${what} is out of order`).to.equal(0);
    const [event] = rest.splice(index, 1);
    if (revision !== undefined) expect(event?.revision, what).to.equal(revision);
  }
  const sent = [...inFlight];
  for (const event of rest) {
    const index = sent.indexOf(outcomeOf(event));
    expect(index, `${at}: ${event.type} ${event.revision} was never sent, or came twice`).to.be.at.least(0);
    sent.splice(index, 1);
  }
}
