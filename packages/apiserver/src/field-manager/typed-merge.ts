/**
 * The two steps that an apply takes on the object itself: merging the applied configuration into the live object,
 * and pruning what its manager applied before but left out now. Neither mutates its input; parts that stay the same
 * are shared with it, and the live object itself comes back when nothing changed. Pure.
 */
import { equal, isObject, type JsonObject, newBadRequest, setKey } from '@flotilla/api';
import { childOf, type FieldSet, formatPath, hasChildren, isMember } from './field-set.js';
import { fieldElement, formatElement } from './path-element.js';
import type { TypedNode } from './typed-node.js';
import { indexItems, itemElement } from './typed-walk.js';

/**
 * `live` with `applied` laid over it: maps by field, associative lists by item, everything else replaced.
 * Throws StatusError 400 when a list in `applied` names an item twice or holds one without identity.
 */
export function mergeTyped(type: TypedNode, live: unknown, applied: unknown): unknown {
  return new Merger().merge(type, live, applied);
}

class Merger {
  readonly #path: string[] = [];

  merge(type: TypedNode, live: unknown, applied: unknown): unknown {
    if (applied === undefined) return live;
    if (isObject(applied) && !type.atomicMap) {
      return this.#mergeMaps(type, isObject(live) ? live : undefined, applied);
    }
    if (Array.isArray(applied) && type.listKeys !== undefined) {
      return this.#mergeLists(type, Array.isArray(live) ? live : undefined, applied);
    }
    if (applied === null && isFilled(live) && mergesByParts(type, live)) return live;
    return equal(live, applied) ? live : applied;
  }

  #mergeMaps(type: TypedNode, live: JsonObject | undefined, applied: JsonObject): JsonObject {
    let out: JsonObject | undefined = live === undefined ? {} : undefined;
    for (const key of Object.keys(applied)) {
      const old = live !== undefined && Object.hasOwn(live, key) ? live[key] : undefined;
      this.#path.push(fieldElement(key));
      const merged = this.merge(type.field(key), old, applied[key]);
      this.#path.pop();
      if (merged === old) continue;
      out ??= { ...live };
      setKey(out, key, merged);
    }
    return out ?? live ?? applied;
  }

  /**
   * Applied items keep their order among themselves, live-only items keep theirs and stay where they stood
   * relative to the shared items around them.
   */
  #mergeLists(
    type: TypedNode,
    live: readonly unknown[] | undefined,
    applied: readonly unknown[],
  ): readonly unknown[] {
    const wanted = this.#indexApplied(type, applied);
    if (live === undefined || live.length === 0) {
      const items = [...wanted].map(([element, item]) => this.#mergeItem(type, element, { item }));
      return equal(live, items) ? (live ?? items) : items;
    }
    const present = indexItems(type, live);
    const take = (element: string): unknown => {
      const same = present.get(element) ?? [];
      // Duplicates in the live list have no one counterpart: the applied item replaces them all.
      return this.#mergeItem(type, element, {
        item: wanted.get(element),
        ...(same.length === 1 && { live: same[0] }),
      });
    };
    const merged = interleave({
      live: live.map((item) => ({ element: itemElement(type, item), item })),
      applied: [...wanted.keys()],
      take,
    });
    return merged.length === live.length && merged.every((item, i) => item === live[i]) ? live : merged;
  }

  #mergeItem(type: TypedNode, element: string, sides: { live?: unknown; item: unknown }): unknown {
    this.#path.push(element);
    const merged = this.merge(type.items, sides.live, sides.item);
    this.#path.pop();
    return merged;
  }

  #indexApplied(type: TypedNode, applied: readonly unknown[]): Map<string, unknown> {
    const out = new Map<string, unknown>();
    for (const [index, item] of applied.entries()) {
      const element = itemElement(type, item);
      if (element === undefined) throw this.#invalid(`element ${index}: ${whyNoIdentity(type)}`);
      if (out.has(element)) throw this.#invalid(`duplicate entries for key ${formatElement(element)}`);
      out.set(element, item);
    }
    return out;
  }

  #invalid(why: string): Error {
    return newBadRequest(`failed to create typed patch object: ${formatPath(this.#path)}: ${why}`);
  }
}

function whyNoIdentity(type: TypedNode): string {
  const keys = type.listKeys ?? [];
  return keys.length === 0
    ? "associative list without keys has an element that's an explicit null"
    : `associative list with keys has an element that omits all key fields ${JSON.stringify(keys)} (and doesn't have default values for any key fields)`;
}

interface Interleaving {
  readonly live: readonly { readonly element: string | undefined; readonly item: unknown }[];
  readonly applied: readonly string[];
  /** The merged item, for an element of `applied`. */
  take(element: string): unknown;
}

function interleave({ live, applied, take }: Interleaving): unknown[] {
  const wanted = new Set(applied);
  const inLive = new Set(live.map((row) => row.element));
  const shared = applied.filter((element) => inLive.has(element));
  const out: unknown[] = [];
  const done = new Set<string>();
  let nextShared = 0;
  let l = 0;
  let r = 0;
  while (l < live.length || r < applied.length) {
    const row = live[l];
    const element = row?.element;
    if (row !== undefined && (element === undefined || !wanted.has(element))) {
      out.push(row.item);
      l++;
      continue;
    }
    const next = applied[r];
    if (next === undefined) {
      l++;
      continue;
    }
    if (element !== undefined && element !== next) {
      const turn = shared[nextShared];
      if (turn !== undefined && turn !== element) {
        // Shared, but the applied order has put another shared item before it.
        l++;
        continue;
      }
      if (done.has(element)) l++;
    } else if (element === next) {
      l++;
    }
    out.push(take(next));
    done.add(next);
    if (shared[nextShared] === next) nextShared++;
    r++;
  }
  return out;
}

function isFilled(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return Array.isArray(value) ? value.length > 0 : Object.keys(value).length > 0;
}

function mergesByParts(type: TypedNode, value: unknown): boolean {
  return Array.isArray(value) ? type.listKeys !== undefined : !type.atomicMap;
}

/** Who owns what at the time of pruning. */
export interface Ownership {
  /** What the manager applied last time and does not apply now. */
  readonly last: FieldSet | undefined;
  /** What anybody owns now, the manager's new configuration included. */
  readonly owners: FieldSet | undefined;
}

/**
 * `merged` without the fields and items that are in `last` and in nobody's set now. With a struct or an item goes
 * all that is in it, unless somebody else owns a part of the struct.
 */
export function pruneTyped(type: TypedNode, merged: unknown, ownership: Ownership): unknown {
  const { last, owners } = ownership;
  if (last === undefined || !hasChildren(last)) return merged;
  if (isObject(merged) && !type.atomicMap) return pruneMap(type, merged, { last, owners });
  if (Array.isArray(merged) && type.listKeys !== undefined) return pruneList(type, merged, { last, owners });
  return merged;
}

interface KnownOwnership extends Ownership {
  readonly last: FieldSet;
}

function pruneMap(type: TypedNode, map: JsonObject, { last, owners }: KnownOwnership): JsonObject {
  let out: JsonObject | undefined;
  for (const key of Object.keys(map)) {
    const mine = childOf(last, `f:${key}`);
    if (mine === undefined) continue;
    const theirs = childOf(owners, `f:${key}`);
    // Nobody is recorded as owner of a struct that has content; whoever owns a part of it owns it.
    const named = type.isNamed(key);
    const owned = theirs !== undefined && (named || isMember(theirs));
    const child = type.field(key);
    if ((named || isMember(mine)) && !owned && !child.untracked) {
      out ??= { ...map };
      delete out[key];
      continue;
    }
    const pruned = pruneTyped(child, map[key], { last: mine, owners: theirs });
    if (pruned === map[key]) continue;
    out ??= { ...map };
    setKey(out, key, pruned);
  }
  return out ?? map;
}

function pruneList(type: TypedNode, list: readonly unknown[], { last, owners }: KnownOwnership): unknown {
  let changed = false;
  const out: unknown[] = [];
  for (const item of list) {
    const element = itemElement(type, item);
    const mine = element === undefined ? undefined : childOf(last, element);
    if (element === undefined || mine === undefined) {
      out.push(item);
      continue;
    }
    const theirs = childOf(owners, element);
    if (isMember(mine) && (theirs === undefined || !isMember(theirs))) {
      changed = true;
      continue;
    }
    const pruned = pruneTyped(type.items, item, { last: mine, owners: theirs });
    if (pruned !== item) changed = true;
    out.push(pruned);
  }
  return changed ? out : list;
}
