/**
 * Walks through the pages of an lmdb file before lmdb maps it. lmdb trusts its pages: a changed bit in one can hide
 * entries, or end the process by a signal. Here every page that a table hangs on is looked at, with its bounds, order
 * and counts; what values say of themselves is checked when they are read (lmdb-store-records.ts). Of the list of free
 * pages only the form is checked. Layout of MDB_page, MDB_node, MDB_db and MDB_meta in mdb.c, data version 2. Reads
 * synchronously, some microseconds a page, at start only. Called by lmdb-store-files.ts.
 */
import { readSync } from 'node:fs';
import { endianness } from 'node:os';

const headBytes = 24;
const nodeHeadBytes = 8;
const treeBytes = 48;
const branch = 1;
const leaf = 2;
const overflow = 4;
const bigData = 1;
const subTable = 2;
/** Of the list of free pages: its keys are integers; beside it, how lmdb was opened: file, not directory; overlapping sync. */
const integerKeyFlag = 0x08;
const openingFlags = 0x5000;
const noPage = 0xffff_ffff_ffff_ffffn;
const isLittle = endianness() === 'LE';

/** Found to be wrong; the message is for the log. */
export class PageError extends Error {
  override readonly name = 'PageError';
}

interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: bigint;
  readonly leafPages: bigint;
  readonly entries: bigint;
  readonly root: bigint;
}

interface Meta {
  readonly transaction: bigint;
  readonly free: Tree;
  readonly main: Tree;
  readonly lastPage: bigint;
}

/** The smallest key that may stand in a page, and the smallest of the next one. */
interface Bounds {
  readonly from: Buffer | undefined;
  readonly to: Buffer | undefined;
}

/** @throws PageError */
export function checkPages(descriptor: number, pageBytes: number): void {
  const file = new PageFile(descriptor, pageBytes);
  const metas = [readMeta(file.read(0n)), readMeta(file.read(1n))] as const;
  const [even, odd] = metas;
  const apart = even.transaction - odd.transaction;
  // Transactions take turns with the two; else one of the numbers is wrong, and lmdb would go back to the other.
  if (even.transaction % 2n !== 0n || (odd.transaction !== 0n && odd.transaction % 2n !== 1n))
    fail('a number');
  if (apart > 1n || apart < -1n) fail('the numbers of the last transactions');
  for (const meta of metas) {
    if ((meta.free.flags & ~openingFlags) !== integerKeyFlag || meta.main.flags !== 0) fail('flags');
    new Walk(file, meta).root(meta.main);
  }
  const newest = even.transaction > odd.transaction ? even : odd;
  const walk = new Walk(file, newest);
  walk.tree(newest.free, { integerKeys: true });
  walk.tree(newest.main, { holdsTables: true });
}

class PageFile {
  readonly #descriptor: number;
  readonly bytes: number;

  constructor(descriptor: number, bytes: number) {
    this.#descriptor = descriptor;
    this.bytes = bytes;
  }

  read(page: bigint, length = this.bytes): Buffer {
    const out = Buffer.allocUnsafe(length);
    const position = Number(page) * this.bytes;
    if (readSync(this.#descriptor, out, 0, length, position) < length) fail(`page ${page} is missing`);
    return out;
  }
}

interface TreeKind {
  /** lmdb's list of free pages: keys are numbers in the machine's order. */
  readonly integerKeys?: boolean;
  readonly holdsTables?: boolean;
}

interface Counts {
  entries: bigint;
  branches: bigint;
  leaves: bigint;
}

class Walk {
  readonly #file: PageFile;
  readonly #meta: Meta;
  readonly #seen = new Set<bigint>();

  constructor(file: PageFile, meta: Meta) {
    this.#file = file;
    this.#meta = meta;
  }

  /** That the newest change of a tree is not newer than what claims it. */
  root({ root }: Tree): void {
    if (root !== noPage) this.#tree(root);
  }

  tree(tree: Tree, kind: TreeKind = {}): void {
    const counts: Counts = { entries: 0n, branches: 0n, leaves: 0n };
    if (tree.root !== noPage) {
      this.#visit(tree.root, { depth: tree.depth, bounds: { from: undefined, to: undefined }, kind, counts });
    }
    const { entries, branches, leaves } = counts;
    if (entries !== tree.entries || branches !== tree.branchPages || leaves !== tree.leafPages)
      fail('counts');
  }

  #visit(
    page: bigint,
    at: { readonly depth: number; readonly bounds: Bounds; readonly kind: TreeKind; readonly counts: Counts },
  ): void {
    const { depth, bounds, kind, counts } = at;
    const bytes = this.#tree(page);
    const isLeaf = uint16(bytes, 18) === leaf;
    if (isLeaf !== (depth === 1)) fail(`page ${page}: depth`);
    const nodes = this.#nodes(page, bytes);
    this.#order(page, { keys: nodes.map(({ key }) => key), isLeaf, bounds, kind });
    if (isLeaf) {
      counts.leaves++;
      counts.entries += BigInt(nodes.length);
      for (const node of nodes) this.#value(page, node, kind);
      return;
    }
    counts.branches++;
    nodes.forEach((node, i) => {
      const from = i === 0 ? bounds.from : node.key;
      this.#visit(node.page, {
        ...at,
        depth: depth - 1,
        bounds: { from, to: nodes[i + 1]?.key ?? bounds.to },
      });
    });
  }

  /** A branch or leaf page, its head checked. */
  #tree(page: bigint): Buffer {
    if (page < 2n || page > this.#meta.lastPage || this.#seen.has(page)) fail(`page ${page} has no place`);
    this.#seen.add(page);
    const bytes = this.#file.read(page);
    const flags = uint16(bytes, 18);
    if (uint64(bytes, 0) !== page || (flags !== branch && flags !== leaf)) fail(`page ${page}: head`);
    if (uint64(bytes, 8) > this.#meta.transaction) fail(`page ${page} is of a later transaction`);
    return bytes;
  }

  #nodes(page: bigint, bytes: Buffer): Node[] {
    const [lower, upper] = [uint16(bytes, 20), uint16(bytes, 22)];
    if (lower === 0 || lower % 2 !== 0 || lower > upper || upper + headBytes > bytes.length) {
      fail(`page ${page}: bounds`);
    }
    const nodes: Node[] = [];
    for (let i = 0; i < lower / 2; i++) {
      const start = uint16(bytes, headBytes + 2 * i) + headBytes;
      if (start < upper + headBytes || start + nodeHeadBytes > bytes.length) fail(`page ${page}: node ${i}`);
      const keyEnd = start + nodeHeadBytes + uint16(bytes, start + 6);
      if (keyEnd > bytes.length) fail(`page ${page}: key ${i}`);
      nodes.push(readNode(bytes, { start, keyEnd }));
    }
    return nodes;
  }

  #order(
    page: bigint,
    {
      keys,
      isLeaf,
      bounds,
      kind,
    }: { keys: readonly Buffer[]; isLeaf: boolean; bounds: Bounds; kind: TreeKind },
  ): void {
    const compare = kind.integerKeys === true ? compareIntegers : Buffer.compare;
    // The first key of a branch page stands for everything below the second, whatever its bytes.
    let before = isLeaf ? undefined : bounds.from;
    const first = isLeaf ? 0 : 1;
    for (const key of keys.slice(first)) {
      if (before !== undefined && compare(before, key) >= 0) fail(`page ${page}: order`);
      before = key;
    }
    const [lowest, highest] = [keys[first], keys.at(-1)];
    if (bounds.from !== undefined && lowest !== undefined && compare(lowest, bounds.from) < 0)
      fail(`page ${page}: order`);
    if (
      bounds.to !== undefined &&
      highest !== undefined &&
      keys.length > first &&
      compare(highest, bounds.to) >= 0
    ) {
      fail(`page ${page}: order`);
    }
  }

  #value(page: bigint, { flags, size, data, bytes }: Node, kind: TreeKind): void {
    const isTable = kind.holdsTables === true && flags === subTable;
    if (isTable && size === treeBytes && data + treeBytes <= bytes.length) {
      const table = readTree(bytes, data);
      if (table.flags !== 0) fail(`page ${page}: flags`);
      this.tree(table);
      return;
    }
    if (flags === 0 && data + size <= bytes.length) return;
    if (flags !== bigData || data + 8 > bytes.length) fail(`page ${page}: value`);
    const first = uint64(bytes, data);
    if (first < 2n || first > this.#meta.lastPage) fail(`page ${page}: value`);
    const head = this.#file.read(first, headBytes);
    const pages = BigInt(uint32(head, 20));
    if (uint64(head, 0) !== first || uint16(head, 18) !== overflow || pages === 0n)
      fail(`page ${first}: head`);
    if (
      first + pages - 1n > this.#meta.lastPage ||
      pages * BigInt(this.#file.bytes) < BigInt(size + headBytes)
    ) {
      fail(`page ${first}: size`);
    }
    for (let each = first; each < first + pages; each++) {
      if (this.#seen.has(each)) fail(`page ${each} has two places`);
      this.#seen.add(each);
    }
  }
}

interface Node {
  readonly key: Buffer;
  readonly flags: number;
  /** Of the value, in a leaf. */
  readonly size: number;
  /** Where the value begins. */
  readonly data: number;
  /** The page below, in a branch. */
  readonly page: bigint;
  readonly bytes: Buffer;
}

function readNode(bytes: Buffer, { start, keyEnd }: { start: number; keyEnd: number }): Node {
  const [low, high] = isLittle ? [0, 2] : [2, 0];
  const flags = uint16(bytes, start + 4);
  const size = uint16(bytes, start + low) + uint16(bytes, start + high) * 0x10000;
  const key = bytes.subarray(start + nodeHeadBytes, keyEnd);
  return { key, flags, size, data: keyEnd, page: BigInt(size) + (BigInt(flags) << 32n), bytes };
}

function readMeta(page: Buffer): Meta {
  const [free, main] = [readTree(page, 48), readTree(page, 48 + treeBytes)];
  return { free, main, lastPage: uint64(page, 144), transaction: uint64(page, 152) };
}

function readTree(bytes: Buffer, at: number): Tree {
  return {
    flags: uint16(bytes, at + 4),
    depth: uint16(bytes, at + 6),
    branchPages: uint64(bytes, at + 8),
    leafPages: uint64(bytes, at + 16),
    entries: uint64(bytes, at + 32),
    root: uint64(bytes, at + 40),
  };
}

function compareIntegers(a: Buffer, b: Buffer): number {
  if (a.length !== 8 || b.length !== 8) return fail('a number');
  const [left, right] = [uint64(a, 0), uint64(b, 0)];
  return left < right ? -1 : left > right ? 1 : 0;
}

function uint16(bytes: Buffer, at: number): number {
  return isLittle ? bytes.readUInt16LE(at) : bytes.readUInt16BE(at);
}

function uint32(bytes: Buffer, at: number): number {
  return isLittle ? bytes.readUInt32LE(at) : bytes.readUInt32BE(at);
}

function uint64(bytes: Buffer, at: number): bigint {
  return isLittle ? bytes.readBigUInt64LE(at) : bytes.readBigUInt64BE(at);
}

function fail(what: string): never {
  throw new PageError(what);
}
