// What the processes under measurement are looked into with, for Chrome's or VS Code's viewer: a CPU profile that each
// writes when it ends, and a heap snapshot that each is asked for before it is stopped.
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { pause } from '../demo/processes.mjs';

const snapshotSignal = 'SIGUSR2';
/** A heap of a gibibyte takes some ten seconds. */
const snapshotTimeoutMs = 120_000;
/** A file that has not grown for so long is whole: the process does nothing else meanwhile. */
const calmMs = 500;

/** `cpu`, `heap`: where to; undefined: not asked for. */
export function profiling({ cpu, heap }) {
  return {
    nodeArgs: (name) => [
      ...(cpu === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${join(cpu, name)}`]),
      ...(heap === undefined
        ? []
        : [`--heapsnapshot-signal=${snapshotSignal}`, `--diagnostic-dir=${prepared(join(heap, name))}`]),
    ],
    beforeStop: async (name, entry) => {
      if (heap !== undefined) await takeSnapshot(join(heap, name), entry);
    },
  };
}

function prepared(directory) {
  mkdirSync(directory, { recursive: true });
  return directory;
}

async function takeSnapshot(directory, entry) {
  const { child } = entry;
  child.kill(snapshotSignal);
  const deadline = performance.now() + snapshotTimeoutMs;
  for (let before = -1; entry.exited === undefined && performance.now() < deadline; ) {
    await pause(calmMs);
    const size = sizeOf(directory, child.pid);
    if (size > 0 && size === before) return;
    before = size;
  }
}

/** Node puts the process into the name of the file. */
function sizeOf(directory, pid) {
  const name = readdirSync(directory).find((each) => each.includes(`.${pid}.`));
  return name === undefined ? 0 : statSync(join(directory, name)).size;
}
