/** Amounts by resource name (`cpu`, `requests.storage`, `count/pods`), and what quotas compute with them. Pure. */
import {
  addQuantities,
  compareQuantities,
  formatQuantity,
  isObject,
  parseQuantity,
  type Quantity,
  QuantityError,
} from '@flotilla/api';

export type Amounts = ReadonlyMap<string, Quantity>;

/** Reads a ResourceList; what is no quantity is left out, as validation keeps it out of objects. */
export function readAmounts(list: unknown): Map<string, Quantity> {
  const amounts = new Map<string, Quantity>();
  if (!isObject(list)) return amounts;
  for (const [name, value] of Object.entries(list)) {
    if (typeof value !== 'string' && typeof value !== 'number') continue;
    try {
      amounts.set(name, parseQuantity(value));
    } catch (error) {
      if (!(error instanceof QuantityError)) throw error;
    }
  }
  return amounts;
}

export function writeAmounts(amounts: Amounts): Record<string, string> {
  return Object.fromEntries([...amounts].map(([name, amount]) => [name, formatQuantity(amount)]));
}

export function whole(count: number): Quantity {
  return { nanos: BigInt(count) * 1_000_000_000n, format: 'DecimalSI' };
}

export function add(a: Amounts, b: Amounts): Map<string, Quantity> {
  const sum = new Map(a);
  for (const [name, amount] of b) {
    const known = sum.get(name);
    sum.set(name, known === undefined ? amount : addQuantities(known, amount));
  }
  return sum;
}

/** What `a` is above `b`, without what is nothing. */
export function excess(a: Amounts, b: Amounts): Map<string, Quantity> {
  const rest = new Map<string, Quantity>();
  for (const [name, { nanos, format }] of a) {
    const left = nanos - (b.get(name)?.nanos ?? 0n);
    if (left > 0n) rest.set(name, { nanos: left, format });
  }
  return rest;
}

/** The greater of each. */
export function greatest(a: Amounts, b: Amounts): Map<string, Quantity> {
  const result = new Map(a);
  for (const [name, amount] of b) {
    const known = result.get(name);
    if (known === undefined || compareQuantities(amount, known) > 0) result.set(name, amount);
  }
  return result;
}

export function only(amounts: Amounts, names: Iterable<string>): Map<string, Quantity> {
  const result = new Map<string, Quantity>();
  for (const name of names) {
    const amount = amounts.get(name);
    if (amount !== undefined) result.set(name, amount);
  }
  return result;
}

/** `cpu=1,pods=3`, sorted. */
export function showAmounts(amounts: Amounts): string {
  return [...amounts.keys()]
    .sort()
    .map((name) => `${name}=${formatQuantity(amounts.get(name) ?? whole(0))}`)
    .join(',');
}
