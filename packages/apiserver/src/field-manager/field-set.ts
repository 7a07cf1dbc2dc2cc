/**
 * A set of field paths, held as the very JSON tree that FieldsV1 is: `{}` is a member without children, `.` marks
 * a member that has some, any other node merely leads to members. The empty set is `undefined`, so that `{}` never
 * means two things. Sets are immutable; operations share what they do not change and cost what the smaller,
 * second operand costs. Results are in canonical order if their operands are. Pure.
 */
import type { JsonObject } from '@flotilla/api';
import { formatElement, isSortedFields, normalizeElement, sortElements } from './path-element.js';

/** A node of the tree; as a root it is a set that is not empty. */
export interface FieldSet {
  readonly [element: string]: FieldSet;
}

type MutableFieldSet = Record<string, FieldSet>;

/** A member without children. */
export const leaf: FieldSet = Object.freeze({});

/** True when the path that leads to this node is itself in the set. */
export function isMember(node: FieldSet): boolean {
  for (const key in node) return key === '.' || Object.hasOwn(node, '.');
  return true;
}

/** True when longer paths go through this node. */
export function hasChildren(node: FieldSet): boolean {
  for (const key in node) if (key !== '.') return true;
  return false;
}

/** The node below, or `undefined`. */
export function childOf(node: FieldSet | undefined, element: string): FieldSet | undefined {
  return node !== undefined && Object.hasOwn(node, element) ? node[element] : undefined;
}

/** Builds a node in canonical order; `undefined` when it is no member and leads nowhere. Takes `children` over. */
export function makeNode(member: boolean, children: MutableFieldSet | undefined): FieldSet | undefined {
  const keys = children === undefined ? [] : Object.keys(children);
  if (children === undefined || keys.length === 0) return member ? leaf : undefined;
  if (!member && isSortedFields(keys)) return children;
  const out: MutableFieldSet = {};
  if (member) out['.'] = leaf;
  for (const key of isSortedFields(keys) ? keys : sortElements(keys)) out[key] = children[key] ?? leaf;
  return out;
}

/** All paths in either. */
export function union(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || a === b) return b;
  return b === undefined ? a : unionNodes(a, b);
}

function unionNodes(a: FieldSet, b: FieldSet): FieldSet {
  const member = isMember(a) || isMember(b);
  let grown = false;
  const children: MutableFieldSet = {};
  for (const key in a) if (key !== '.') children[key] = a[key] ?? leaf;
  for (const key in b) {
    if (key === '.') continue;
    const old = children[key];
    const theirs = b[key] ?? leaf;
    const joined = old === undefined ? theirs : old === theirs ? old : unionNodes(old, theirs);
    if (joined === old) continue;
    children[key] = joined;
    grown = true;
  }
  if (!grown && member === isMember(a)) return a;
  return makeNode(member, children) ?? leaf;
}

/** The paths of `a` that are not in `b`. Answers `a` itself when that is all of them. */
export function difference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined) return a;
  const member = isMember(a) && !isMember(b);
  return subtract(a, b, { member, child: difference });
}

/** The paths of `a` that neither are in `b` nor lie below a path in `b`. */
export function recursiveDifference(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined) return a;
  return subtract(a, b, {
    member: isMember(a),
    child: (below, theirs) => (isMember(theirs) ? undefined : recursiveDifference(below, theirs)),
  });
}

function subtract(
  a: FieldSet,
  b: FieldSet,
  how: { member: boolean; child: (a: FieldSet, b: FieldSet) => FieldSet | undefined },
): FieldSet | undefined {
  let children: MutableFieldSet | undefined;
  for (const key in b) {
    const old = key === '.' ? undefined : childOf(a, key);
    if (old === undefined) continue;
    const rest = how.child(old, b[key] ?? leaf);
    if (rest === old) continue;
    children ??= copyChildren(a);
    if (rest === undefined) delete children[key];
    else children[key] = rest;
  }
  if (children === undefined) {
    if (how.member === isMember(a)) return a;
    children = copyChildren(a);
  }
  return makeNode(how.member, children);
}

function copyChildren(node: FieldSet): MutableFieldSet {
  const { '.': _self, ...children } = node;
  return children;
}

/** The paths in both. */
export function intersection(a: FieldSet | undefined, b: FieldSet | undefined): FieldSet | undefined {
  if (a === undefined || b === undefined) return undefined;
  let children: MutableFieldSet | undefined;
  for (const key in b) {
    const mine = key === '.' ? undefined : childOf(a, key);
    const common = mine && intersection(mine, b[key] ?? leaf);
    if (common === undefined) continue;
    children ??= {};
    children[key] = common;
  }
  return makeNode(isMember(a) && isMember(b), children);
}

/** The set of one path. */
export function setOfPath(elements: readonly string[]): FieldSet {
  return elements.reduceRight<FieldSet>((below, element) => ({ [element]: below }), leaf);
}

/** True when the path is in the set. */
export function hasPath(set: FieldSet | undefined, elements: readonly string[]): boolean {
  let node = set;
  for (const element of elements) node = childOf(node, element);
  return node !== undefined && isMember(node) && elements.length > 0;
}

/** All paths of the set, in canonical order, as element lists. */
export function pathsOf(set: FieldSet | undefined): string[][] {
  const out: string[][] = [];
  const walk = (node: FieldSet, prefix: string[]): void => {
    if (prefix.length > 0 && isMember(node)) out.push(prefix);
    for (const key in node) if (key !== '.') walk(node[key] ?? leaf, [...prefix, key]);
  };
  if (set !== undefined) walk(set, []);
  return out;
}

/** The members that have no member below them. */
export function leavesOf(set: FieldSet | undefined): FieldSet | undefined {
  if (set === undefined) return undefined;
  let children: MutableFieldSet | undefined;
  for (const key in set) {
    const below = key === '.' ? undefined : (leavesOf(set[key]) ?? leaf);
    if (below === undefined) continue;
    children ??= {};
    children[key] = below;
  }
  return children ?? leaf;
}

/** A path as conflicts print it: `.spec.containers[name="a"].image`. */
export function formatPath(elements: readonly string[]): string {
  return elements.map(formatElement).join('');
}

/** What a client sent as FieldsV1 is none; the message says why. */
export class FieldsV1Error extends Error {
  override readonly name = 'FieldsV1Error';
}

/** Reads FieldsV1 from a client, in canonical spelling and order. Throws FieldsV1Error. */
export function parseFieldsV1(fields: unknown): FieldSet | undefined {
  return parseChildren(fields, { root: true });
}

function parseChildren(fields: unknown, options: { root: boolean }): FieldSet | undefined {
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) {
    throw new FieldsV1Error('fieldsV1 must consist of JSON objects');
  }
  let member = !options.root && Object.keys(fields).length === 0;
  let children: MutableFieldSet | undefined;
  for (const [key, value] of Object.entries(fields)) {
    if (key === '.') {
      member = !options.root;
      continue;
    }
    const element = normalizeElement(key);
    if (element === undefined)
      throw new FieldsV1Error(`fieldsV1 holds the unknown path element ${JSON.stringify(key)}`);
    const node = parseChildren(value, { root: false });
    if (node === undefined) continue;
    children ??= {};
    const old = children[element];
    children[element] = old === undefined ? node : unionNodes(old, node);
  }
  return makeNode(member, children);
}

/** The wire form. Sets are FieldsV1 already, so this only names the empty one. */
export function toFieldsV1(set: FieldSet | undefined): JsonObject {
  return (set ?? {}) as JsonObject; // same shape, read-only
}
