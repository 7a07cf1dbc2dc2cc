/**
 * When a process that simulates hangs: it has used far more of the processor than any run needs, or none at all for
 * minutes. How long it took says nothing where others use the processors, too. Called by the worker pool.
 */
import { readFileSync } from 'node:fs';

/** The longest runs that were seen took half a minute. */
const mostCpuMs = 240_000;
const mostIdleMs = 180_000;
/** Where nobody tells what a process has used, which Linux alone does. */
const mostMs = 900_000;
/** The unit of /proc, on every Linux that Node runs on. */
const tickMs = 10;

/** Asked now and then from the beginning of a run on; `allowanceMs` comes on top of what a run may use. */
export function createHangCheck(
  cpuMs: () => number | undefined,
  allowanceMs = 0,
): (nowMs: number) => boolean {
  const atFirst = cpuMs();
  let begunMs: number | undefined;
  let last = { cpuMs: atFirst, atMs: 0 };
  return (nowMs) => {
    if (begunMs === undefined) {
      begunMs = nowMs;
      last = { cpuMs: atFirst, atMs: nowMs };
    }
    const used = cpuMs();
    if (used === undefined || atFirst === undefined) return nowMs - begunMs > mostMs + allowanceMs;
    if (used !== last.cpuMs) last = { cpuMs: used, atMs: nowMs };
    return used - atFirst > mostCpuMs + allowanceMs || nowMs - last.atMs > mostIdleMs;
  };
}

/** User and system time of a process; undefined where it cannot be read. */
export function cpuMsOf(pid: number | undefined): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return (Number(fields[11]) + Number(fields[12])) * tickMs;
  } catch {
    return undefined;
  }
}
