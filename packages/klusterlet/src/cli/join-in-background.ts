/**
 * The end of `klusterlet join --background`: the agent goes on as a process of its own, and this one tells how far it
 * has come until the hub calls the cluster available.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { clusterCondition, isConditionTrue, type ManagedCluster } from '@flotilla/api';
import { createClient, type Env, sleep, wellKnown } from '@flotilla/kube';
import { hubAt } from '../hub-address.js';
import type { KlusterletConfig, KlusterletState } from '../registration/state.js';
import { dialHub } from './connections.js';

export interface BackgroundJoin {
  readonly config: KlusterletConfig;
  readonly state: KlusterletState;
  readonly env: Env;
  readonly print: (text: string) => void;
  readonly note: (text: string) => void;
  readonly waitMs: number;
  /** Of `klusterlet run`. */
  readonly flags: readonly string[];
}

const pollMs = 500;
const logName = 'klusterlet.log';

/** Resolves when the cluster is Available. @throws Error with what is missing, or with the agent's last words. */
export async function joinInBackground(options: BackgroundJoin): Promise<void> {
  const { config, state, env, print, note, waitMs } = options;
  const log = state.path(logName);
  const agent = startAgent(log, ['run', '--data-dir', state.dataDir, ...options.flags]);
  note(`the klusterlet runs in the background as process ${agent.pid}; its log is ${log}`);
  const deadlineMs = env.clock.monotonicMs() + waitMs;
  try {
    await untilAvailable(options, { agent, log, deadlineMs });
  } finally {
    agent.unref(); // it goes on without us
  }
  print(
    `${config.clusterName} is available on ${config.hubServer}; the klusterlet goes on as process ${agent.pid}`,
  );
}

type Agent = ReturnType<typeof spawn>;

async function untilAvailable(
  options: BackgroundJoin,
  { agent, log, deadlineMs }: { agent: Agent; log: string; deadlineMs: number },
): Promise<void> {
  const { config, env, note } = options;
  for (let told = 0; ; ) {
    const lines = readFileSync(log, 'utf8').split('\n').slice(0, -1);
    // Its last words become ours, below.
    for (const line of lines.slice(told)) if (!line.startsWith('error: ')) note(line);
    told = lines.length;
    if (agent.exitCode !== null || agent.signalCode !== null) {
      throw new Error(
        `the klusterlet has ended: ${lines.at(-1)?.replace(/^error: /, '') ?? 'it said nothing'}`,
      );
    }
    const missing = await whatIsMissing(options);
    if (missing === undefined) return;
    if (env.clock.monotonicMs() > deadlineMs) {
      throw new Error(
        `${config.clusterName} is not available yet: ${missing}; the klusterlet goes on trying as process ${agent.pid}`,
      );
    }
    await sleep(env.clock, pollMs);
  }
}

function startAgent(log: string, args: readonly string[]): Agent {
  const file = openSync(log, 'w', 0o600);
  try {
    return spawn(process.execPath, [process.argv[1] ?? '', ...args], {
      detached: true,
      stdio: ['ignore', file, file],
    });
  } finally {
    closeSync(file);
  }
}

/** Undefined: the hub calls the cluster available. */
async function whatIsMissing({ config, state, env }: BackgroundJoin): Promise<string | undefined> {
  const credentials = await state.readCredentials();
  if (credentials === undefined)
    return `the hub has to accept it ("hub approve ${config.clusterName}" there)`;
  const transport = dialHub(env, { ...hubAt(config), credentials: () => credentials });
  try {
    const hub = createClient(transport, { userAgent: 'klusterlet' });
    const key = { name: config.clusterName };
    const cluster = await hub.get<ManagedCluster>(wellKnown.managedClusters, key, { timeoutMs: 5000 });
    return isConditionTrue(cluster, clusterCondition.available)
      ? undefined
      : 'the klusterlet has not reported itself';
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await transport.close();
  }
}
