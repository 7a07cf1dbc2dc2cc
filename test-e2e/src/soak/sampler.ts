/** Reads what processes take of their machine, out of /proc, and what their directories hold. Linux only. */
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { Measure, Point, Series } from './series.js';

export interface Sampled {
  readonly name: string;
  /** It changes when the process starts again. */
  readonly pid: () => number;
  readonly startsAgain: boolean;
  readonly directory: string;
}

export class Sampler {
  readonly #processes: readonly Sampled[];
  readonly #delays: string;
  readonly series: Series[] = [];

  /** `delays`: where `loop-delay.ts` writes. */
  constructor(processes: readonly Sampled[], delays: string) {
    this.#processes = processes;
    this.#delays = delays;
  }

  /** A process that is just starting again is left out. */
  sample(atMs: number): void {
    for (const { pid, directory, ...about } of this.#processes) {
      const at = join('/proc', String(pid()));
      const status = read(join(at, 'status'));
      const own = /^RssAnon:\s+(\d+) kB$/m.exec(status ?? '')?.[1];
      const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status ?? '')?.[1];
      if (own === undefined || resident === undefined) continue;
      this.#add(about, 'memory', { atMs, value: Number(own) / 1024 });
      this.#add(about, 'resident', { atMs, value: Number(resident) / 1024 });
      this.#add(about, 'handles', { atMs, value: list(join(at, 'fd')).length });
      this.#add(about, 'disk', { atMs, value: bytesIn(directory) / 2 ** 20 });
      const delay = read(join(this.#delays, String(pid())));
      if (delay !== undefined && delay !== '') this.#add(about, 'delay', { atMs, value: Number(delay) });
    }
  }

  #add(
    { name: process, startsAgain }: Pick<Sampled, 'name' | 'startsAgain'>,
    measure: Measure,
    point: Point,
  ): void {
    let series = this.series.find((one) => one.process === process && one.measure === measure);
    if (series === undefined) {
      series = { process, measure, startsAgain, points: [] };
      this.series.push(series);
    }
    series.points.push(point);
  }
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined; // it has gone meanwhile
  }
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // likewise
  }
}

/** What the files take on disk: the store's are longer than they are full. */
function bytesIn(directory: string): number {
  return list(directory).reduce((sum, name) => {
    const path = join(directory, name);
    const stat = statSync(path, { throwIfNoEntry: false });
    if (stat === undefined) return sum;
    return sum + (stat.isDirectory() ? bytesIn(path) : stat.blocks * 512);
  }, 0);
}
