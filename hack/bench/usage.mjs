// What the processes under measurement use: CPU time and memory, from /proc. Several processes can stand for one side
// (an API server and its etcd are one hub); a side without a process that may be looked at is left out.
import { cpuSeconds, peakMiB, resetPeak, residentMiB } from './machine.mjs';

/** What one side is called in the names of figures. */
const sides = ['hub', 'klusterlet', 'cluster'];

/**
 * Counts from now on. `finish()` answers, for each side that has processes: `cpu` in seconds, `peak` and `resident` in
 * MiB. The peaks of several processes are added, though they need not have come at the same time.
 */
export function measureUse(processes) {
  const seen = sides.filter((side) => (processes[side] ?? []).length > 0);
  for (const side of seen) for (const pid of processes[side]) resetPeak(pid);
  const cpu = (side) => sumOf(processes[side], cpuSeconds);
  const before = new Map(seen.map((side) => [side, cpu(side)]));
  return {
    finish: () =>
      Object.fromEntries(
        seen.map((side) => [
          side,
          {
            cpu: cpu(side) - before.get(side),
            peak: sumOf(processes[side], peakMiB),
            resident: sumOf(processes[side], residentMiB),
          },
        ]),
      ),
  };
}

/** Records `<part>.<side>Cpu` (times `scale`) and `<part>.<side>Peak` for each side that could be looked at. */
export function recordUse(record, { part, use, scale = 1 }) {
  for (const [side, { cpu, peak }] of Object.entries(use)) {
    record(`${part}.${side}Cpu`, cpu * scale);
    record(`${part}.${side}Peak`, peak);
  }
}

export function sumOf(pids, measure) {
  return pids.reduce((sum, pid) => sum + measure(pid), 0);
}
