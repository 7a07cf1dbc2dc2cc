// Starts, watches and stops the demo's own processes. Each runs in its own process group and is ended by its id.
import { spawn, spawnSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { root } from '../setup.mjs';

const running = new Map();

export function bin(name) {
  return join(root, 'packages', name, 'bin', `${name}.js`);
}

/** Starts one of our commands in the background; its output goes to a log file. */
export function start(name, command, args, { logDir, nodeArgs = [] }) {
  mkdirSync(logDir, { recursive: true });
  const logFile = join(logDir, `${name}.log`);
  const log = openSync(logFile, 'a');
  const child = spawn(process.execPath, [...nodeArgs, bin(command), ...args], {
    cwd: root,
    stdio: ['ignore', log, log],
  });
  closeSync(log);
  const entry = { name, child, logFile, exited: undefined };
  running.set(name, entry);
  child.once('exit', (code, signal) => {
    entry.exited = signal ?? code;
    running.delete(name);
  });
  return entry;
}

/** The last words of a process that ended too soon. */
export function lastLines(entry, count = 5) {
  return readFileSync(entry.logFile, 'utf8').trimEnd().split('\n').slice(-count).join('\n');
}

/** Asks all processes to stop, the last started first, and ends what does not within `graceMs`. */
export async function stopAll({ graceMs = 10_000 } = {}) {
  for (const entry of [...running.values()].reverse()) await stop(entry, { graceMs });
}

export async function stop(entry, { graceMs = 10_000, signal = 'SIGTERM' } = {}) {
  if (entry.exited !== undefined) return;
  await entry.beforeStop?.();
  entry.child.kill(signal);
  const deadline = Date.now() + graceMs;
  while (entry.exited === undefined && Date.now() < deadline) await pause(20);
  if (entry.exited === undefined) entry.child.kill('SIGKILL');
  while (entry.exited === undefined) await pause(20);
}

/** Runs a command to its end. */
export function run(command, args, { input, env } = {}) {
  const result = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    input,
    env: { ...process.env, ...env },
    timeout: 120_000,
  });
  return {
    ok: result.status === 0,
    stdout: result.stdout ?? '',
    stderr: (result.stderr ?? '') + (result.error?.message ?? ''),
  };
}

/** Runs one of our commands to its end. */
export function ours(command, args) {
  return run(process.execPath, [bin(command), ...args]);
}

export function pause(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits until `check` gives something true; `watching` must not end meanwhile. */
export async function until(what, check, { timeoutMs = 60_000, watching = [], stepMs = 50 } = {}) {
  const deadline = Date.now() + timeoutMs;
  let why = '';
  for (;;) {
    for (const entry of watching) {
      if (entry.exited !== undefined)
        throw new Error(`${entry.name} ended (${entry.exited}): ${lastLines(entry)}`);
    }
    const result = await check();
    if (result?.done) return result.value;
    why = result?.why ?? why;
    if (Date.now() > deadline)
      throw new Error(`${what} did not come true within ${timeoutMs / 1000} s${why ? `: ${why}` : ''}`);
    await pause(stepMs);
  }
}

/** The wanted port when it is free on 127.0.0.1, else one that is; 0: any. Only after the build. */
export async function freePort(wanted) {
  if (wanted !== 0 && (await isFree(wanted))) return wanted;
  const testing = await import('@flotilla/apiserver/testing');
  return testing.freePort();
}

function isFree(port) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => server.close(() => resolve(true)));
  });
}
