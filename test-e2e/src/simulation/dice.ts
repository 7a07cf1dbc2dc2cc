/** Choices from a stream of seeded chance. Used by whatever plans scenarios. */
export class Dice {
  /** From 0 up to, but not, 1. */
  readonly next: () => number;

  constructor(next: () => number) {
    this.next = next;
  }

  /** Both ends included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  /** @throws Error when there is nothing to choose from. */
  pick<T>(values: readonly T[]): T {
    const picked = values[Math.floor(this.next() * values.length)];
    if (picked === undefined) throw new Error('there is nothing to choose from');
    return picked;
  }

  shuffled<T>(values: readonly T[]): T[] {
    const rest = [...values];
    return Array.from(values, () => rest.splice(this.int(0, rest.length - 1), 1)[0] as T); // never empty here
  }
}
