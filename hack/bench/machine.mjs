// What the figures were taken on, and how busy it was: without it a figure says nothing. No date, so that two runs
// can be compared line by line.
import { createHash } from 'node:crypto';
import { closeSync, fsyncSync, openSync, readFileSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { cpus, loadavg, platform, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { run } from '../demo/processes.mjs';
import { root } from '../setup.mjs';
import { median } from './statistics.mjs';

export function describeMachine(directory) {
  const list = cpus();
  return {
    cores: list.length,
    cpu: list[0]?.model.trim() ?? 'unknown',
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${platform()} ${release()}`,
    versions: {
      flotilla: `${JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version}${commitOf()}`,
      node: process.versions.node,
      v8: process.versions.v8,
    },
    peaks: resetPeak(process.pid) ? 'of each part' : 'since the start of each process',
    sha256MiBps: Math.round(hashSpeed()),
    fsyncMs: round(syncTime(directory)),
    loadBefore: round(loadavg()[0]),
  };
}

/** Which code was measured; nothing in a copy without its history. */
function commitOf() {
  const git = (...args) => run('git', args);
  const { ok, stdout } = git('rev-parse', '--short=12', 'HEAD');
  if (!ok) return '';
  return `+${stdout.trim()}${git('status', '--porcelain', '--untracked-files=no').stdout === '' ? '' : '-changed'}`;
}

export function loadNow() {
  return round(loadavg()[0]);
}

/** How fast one core is just now: a busy neighbour shows here first. */
function hashSpeed() {
  const block = Buffer.alloc(1 << 20, 7);
  const speeds = [];
  for (let i = 0; i < 5; i++) {
    const began = performance.now();
    for (let n = 0; n < 20; n++) createHash('sha256').update(block).digest();
    speeds.push(20_000 / (performance.now() - began));
  }
  return median(speeds);
}

/** What a durable write costs where the stores are kept: an fsync of 4 KiB. */
function syncTime(directory) {
  const file = join(directory, 'fsync');
  const block = Buffer.alloc(4096, 1);
  const fd = openSync(file, 'w');
  const times = [];
  for (let i = 0; i < 50; i++) {
    const began = performance.now();
    writeSync(fd, block);
    fsyncSync(fd);
    times.push(performance.now() - began);
  }
  closeSync(fd);
  rmSync(file);
  return median(times);
}

/** Resident memory of a process in MiB. */
export function residentMiB(pid) {
  return statusMiB(pid, 'VmRSS');
}

/** The most that was ever resident since the process began, or since `resetPeak`. */
export function peakMiB(pid) {
  return statusMiB(pid, 'VmHWM');
}

/** Lets the peak count from now on; false where the kernel or the process's owner does not allow it. */
export function resetPeak(pid) {
  try {
    writeFileSync(`/proc/${pid}/clear_refs`, '5');
    return true;
  } catch (error) {
    if (['EACCES', 'EPERM', 'ENOENT', 'EINVAL'].includes(error.code)) return false;
    throw error;
  }
}

/** Of that, what is the process's own and not pages of a file, which the kernel takes back when it needs them. */
export function anonymousMiB(pid) {
  return statusMiB(pid, 'RssAnon');
}

function statusMiB(pid, field) {
  const text = readFileSync(`/proc/${pid}/status`, 'utf8');
  const kib = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(text)?.[1];
  return Number(kib) / 1024;
}

/** CPU time that a process has used, all threads, in seconds; in steps of 0.01. */
export function cpuSeconds(pid) {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return (Number(fields[11]) + Number(fields[12])) / 100;
}

function round(value) {
  return Math.round(value * 100) / 100;
}
