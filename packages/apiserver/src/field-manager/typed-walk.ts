/**
 * Walks objects along their schema: which field paths an object holds, and which ones a write changed.
 * One walk per write; equal parts cost no allocation, and parts shared by reference are not visited at all.
 * Server-owned fields (names, uid, generation, managedFields ...) are never reported. Tolerates whatever a live
 * object may contain: duplicates in associative lists count as one value, items without identity are not tracked. Pure.
 */
import { equal, isObject, type JsonObject } from '@flotilla/api';
import { type FieldSet, isMember, leaf, makeNode } from './field-set.js';
import { fieldElement, keyElement, valueElement } from './path-element.js';
import type { TypedNode } from './typed-node.js';

/** What a write did. Both sets name leaves and the maps and items that came or went. */
export interface Delta {
  /** Paths that were added, or whose value is another. */
  readonly changed: FieldSet | undefined;
  /** Paths that are gone. */
  readonly removed: FieldSet | undefined;
}

type Children = Record<string, FieldSet>;
const empty: JsonObject = {};

/** The path element of an item of an associative list; `undefined` when it has no identity. */
export function itemElement(type: TypedNode, item: unknown): string | undefined {
  const keys = type.listKeys ?? [];
  return keys.length === 0 ? valueElement(item) : keyElement(item, keys, type.keyDefaults);
}

/** Items of an associative list by path element, in the list's order. Items without identity are left out. */
export function indexItems(type: TypedNode, list: readonly unknown[]): Map<string, unknown[]> {
  const out = new Map<string, unknown[]>();
  for (const item of list) {
    const element = itemElement(type, item);
    if (element === undefined) continue;
    const seen = out.get(element);
    if (seen === undefined) out.set(element, [item]);
    else seen.push(item);
  }
  return out;
}

/**
 * The paths that an applied configuration names: its leaves, list items and map keys, but not the structs
 * that merely lead to them. This is what an apply owns.
 */
export function fieldSetOf(type: TypedNode, value: unknown): FieldSet | undefined {
  if (isGranularMap(type, value)) return makeNode(false, mapChildren(type, value));
  if (isGranularList(type, value)) {
    let children: Children | undefined;
    for (const [element, items] of indexItems(type, value)) {
      children ??= {};
      const below = items.length > 1 ? undefined : fieldSetOf(type.items, items[0]);
      children[element] = member(below);
    }
    return makeNode(false, children);
  }
  return leaf;
}

function mapChildren(type: TypedNode, map: JsonObject): Children | undefined {
  let children: Children | undefined;
  for (const key of Object.keys(map)) {
    const value = map[key];
    if (value === undefined || type.untrackedFields.has(key)) continue;
    const child = type.field(key);
    if (child.untracked && isEmptyValue(value)) continue;
    let node = fieldSetOf(child, value);
    if (!type.isNamed(key) || (isObject(value) && isEmptyValue(value))) node = member(node);
    if (node === undefined) continue;
    children ??= {};
    children[fieldElement(key)] = node;
  }
  return children;
}

/** Every path of a value that came or went as a whole, itself included. */
function everything(type: TypedNode, value: unknown): FieldSet | undefined {
  const self = !type.untracked && !type.implied;
  let children: Children | undefined;
  if (isGranularMap(type, value)) {
    for (const key of Object.keys(value)) {
      if (value[key] === undefined || type.untrackedFields.has(key)) continue;
      children = put(children, fieldElement(key), everything(type.field(key), value[key]));
    }
  } else if (isGranularList(type, value)) {
    for (const [element, items] of indexItems(type, value)) {
      children = put(children, element, items.length > 1 ? leaf : everything(type.items, items[0]));
    }
  }
  return makeNode(self, children);
}

/** Compares two objects, either of which may be absent. */
export function compareTyped(type: TypedNode, from: unknown, to: unknown): Delta {
  return compareValues(type, from, to) ?? noDelta;
}

const noDelta: Delta = { changed: undefined, removed: undefined };

function compareValues(type: TypedNode, from: unknown, to: unknown): Delta | undefined {
  if (from === to) return undefined;
  if (from === undefined) return { changed: everything(type, to), removed: undefined };
  if (to === undefined) return { changed: undefined, removed: everything(type, from) };
  const [fromMap, toMap] = [asMap(type, from), asMap(type, to)];
  if (fromMap !== undefined && toMap !== undefined) {
    if (isEmptyValue(fromMap) && isEmptyValue(toMap)) return compareLeaf(type, from, to);
    return compareMaps(type, fromMap, toMap);
  }
  const [fromList, toList] = [asList(type, from), asList(type, to)];
  if (fromList !== undefined && toList !== undefined) {
    if (fromList.length === 0 && toList.length === 0) return compareLeaf(type, from, to);
    return equal(fromList, toList) ? undefined : compareLists(type, fromList, toList);
  }
  if (fromMap ?? fromList ?? toMap ?? toList) return compareKinds(type, from, to);
  return compareLeaf(type, from, to);
}

/** A value of another kind: what was inside is gone, what is inside now is new, and so is the value. */
function compareKinds(type: TypedNode, from: unknown, to: unknown): Delta {
  return {
    changed: self(type, withoutSelf(everything(type, to))),
    removed: withoutSelf(everything(type, from)),
  };
}

function compareLeaf(type: TypedNode, from: unknown, to: unknown): Delta | undefined {
  return equal(from, to) ? undefined : { changed: self(type, undefined), removed: undefined };
}

function compareMaps(type: TypedNode, from: JsonObject, to: JsonObject): Delta | undefined {
  let changed: Children | undefined;
  let removed: Children | undefined;
  for (const key of Object.keys(to)) {
    const value = to[key];
    const old = Object.hasOwn(from, key) ? from[key] : undefined;
    if (value === old || value === undefined || type.untrackedFields.has(key)) continue;
    const delta = compareValues(type.field(key), old, value);
    if (delta === undefined) continue;
    changed = put(changed, fieldElement(key), delta.changed);
    removed = put(removed, fieldElement(key), delta.removed);
  }
  for (const key of Object.keys(from)) {
    if (from[key] === undefined || (Object.hasOwn(to, key) && to[key] !== undefined)) continue;
    if (type.untrackedFields.has(key)) continue;
    removed = put(removed, fieldElement(key), everything(type.field(key), from[key]));
  }
  return deltaOf(changed, removed);
}

function compareLists(type: TypedNode, from: readonly unknown[], to: readonly unknown[]): Delta | undefined {
  let changed: Children | undefined;
  let removed: Children | undefined;
  const before = indexItems(type, from);
  const after = indexItems(type, to);
  for (const [element, items] of after) {
    const delta = compareItems(type.items, before.get(element) ?? [], items);
    if (delta === undefined) continue;
    changed = put(changed, element, delta.changed);
    removed = put(removed, element, delta.removed);
  }
  for (const [element, items] of before) {
    if (after.has(element)) continue;
    removed = put(removed, element, compareItems(type.items, items, [])?.removed);
  }
  return deltaOf(changed, removed);
}

/** Items with one identity. More than one is a duplicate, and duplicates are one value without parts. */
function compareItems(type: TypedNode, from: readonly unknown[], to: readonly unknown[]): Delta | undefined {
  if (from.length <= 1 && to.length <= 1) return compareValues(type, from[0], to[0]);
  if (from.length > 1 && to.length > 1) {
    return equal(from, to) ? undefined : { changed: leaf, removed: undefined };
  }
  if (from.length > 1)
    return { changed: to.length === 0 ? undefined : everything(type, to[0]), removed: leaf };
  const gone = from[0] === undefined ? undefined : withoutSelf(everything(type, from[0]));
  return { changed: leaf, removed: gone };
}

function deltaOf(changed: Children | undefined, removed: Children | undefined): Delta | undefined {
  if (changed === undefined && removed === undefined) return undefined;
  return { changed: makeNode(false, changed), removed: makeNode(false, removed) };
}

function put(children: Children | undefined, element: string, node: FieldSet | undefined) {
  if (node === undefined) return children;
  const out = children ?? {};
  out[element] = node;
  return out;
}

function member(node: FieldSet | undefined): FieldSet {
  if (node === undefined) return leaf;
  return isMember(node) ? node : { '.': leaf, ...node };
}

function self(type: TypedNode, below: FieldSet | undefined): FieldSet | undefined {
  return type.untracked ? below : member(below);
}

function withoutSelf(node: FieldSet | undefined): FieldSet | undefined {
  if (node === undefined) return undefined;
  const { '.': _self, ...children } = node;
  return makeNode(false, children);
}

function isGranularMap(type: TypedNode, value: unknown): value is JsonObject {
  return !type.atomicMap && isObject(value);
}

function isGranularList(type: TypedNode, value: unknown): value is readonly unknown[] {
  return type.listKeys !== undefined && Array.isArray(value);
}

/** The value as a map that has parts; null reads as an empty one. `undefined`: it is no such map. */
function asMap(type: TypedNode, value: unknown): JsonObject | undefined {
  if (value === null) return type.granular && type.listKeys === undefined ? empty : undefined;
  return isGranularMap(type, value) ? value : undefined;
}

function asList(type: TypedNode, value: unknown): readonly unknown[] | undefined {
  if (value === null) return type.listKeys === undefined ? undefined : [];
  return isGranularList(type, value) ? value : undefined;
}

function isEmptyValue(value: unknown): boolean {
  if (value === null) return true;
  if (Array.isArray(value)) return value.length === 0;
  if (!isObject(value)) return false;
  for (const _key in value) return false;
  return true;
}
