/**
 * A fleet of real processes under mixed load for as long as asked: users write works, objects drift, kubectl watches come
 * and go, klusterlets start again if asked. Ends with what the processes took over time, whether that is flat, and
 * whether the fleet holds what the hub says. Called by `hack/soak.mjs`; cleans up however it ends.
 */
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { hasReason, type KubeObject } from '@flotilla/api';
import { type KubeClient, type Random, wellKnown } from '@flotilla/kube';
import { createSeededRandom } from '@flotilla/kube/testing';
import {
  type Converging,
  checkConverged,
  connect,
  createForeign,
  shortEviction,
} from '../faults/fleet-under-faults.js';
import { WorkLoad } from '../faults/work-load.js';
import { type Cluster, Fleet } from '../support/fleet.js';
import { pause, root } from '../support/processes.js';
import { historySeconds } from './history.js';
import { plot } from './plot.js';
import { describeSoak } from './report.js';
import { Sampler } from './sampler.js';
import { type Judgement, judge, moments } from './series.js';

export interface SoakOptions {
  readonly minutes: number;
  readonly clusters: number;
  /** Whether a klusterlet starts again every minute; the first never does, so that one is seen over the whole time. */
  readonly restarts: boolean;
  /** Where the plot goes. */
  readonly out: string;
  readonly say: (text: string) => void;
  /** Ends it before its time. */
  readonly signal: AbortSignal;
}

export interface SoakResult {
  readonly judgements: readonly Judgement[];
  /** Undefined: too short to say. */
  readonly isFlat: boolean | undefined;
}

/** Of the whole time. */
const warmUpShare = 0.4;
const stepMs = 1000;
/** Of the table: moments over time. */
const columns = 6;

interface Member {
  readonly cluster: Cluster;
  readonly client: KubeClient;
  readonly load: WorkLoad;
  readonly foreign: Converging['foreign'];
}

/** @throws Error when a process ended by itself, or a promise was broken. */
export async function runSoak(options: SoakOptions): Promise<SoakResult> {
  const soak = new Soak(options);
  try {
    await soak.start();
    await soak.load();
    return await soak.judge();
  } finally {
    await soak.close();
  }
}

class Soak {
  readonly #options: SoakOptions;
  readonly #fleet = new Fleet();
  readonly #delays = join(this.#fleet.directory, 'delays');
  readonly #random: Random = createSeededRandom(1);
  readonly #members: Member[] = [];
  readonly #history: readonly string[];
  readonly #watchers: (ReturnType<typeof spawn> | undefined)[] = [undefined, undefined, undefined];
  #hub: KubeClient | undefined;
  #sampler: Sampler | undefined;
  #tookMs = 0;
  #drifts = 0;
  #restarts = 0;

  constructor(options: SoakOptions) {
    this.#options = options;
    this.#history = ['--etcd-compaction-interval', `${historySeconds(options.minutes * 60 * warmUpShare)}s`];
  }

  async start(): Promise<void> {
    mkdirSync(this.#delays);
    const preload = pathToFileURL(join(root, 'test-e2e', 'dist', 'soak', 'loop-delay.js')).href;
    const launcher = ['env', `NODE_OPTIONS=--import=${preload}`, `FLOTILLA_SOAK_DELAYS=${this.#delays}`];
    await this.#fleet.startHub(this.#history, launcher);
    this.#hub = await connect(this.#fleet.hubKubeconfig);
    for (let i = 1; i <= this.#options.clusters; i++) await this.#addCluster(`soak${i}`, launcher);
    const { hub, directory } = this.#fleet;
    this.#sampler = new Sampler(
      [
        { name: 'hub', pid: () => hub.pid, startsAgain: false, directory: join(directory, 'hub') },
        ...this.#members.flatMap(({ cluster: { name, klusterlet, dataDir, server } }, i) => [
          {
            name: `klusterlet ${name}`,
            pid: () => klusterlet.pid,
            startsAgain: this.#options.restarts && i > 0,
            directory: dataDir,
          },
          {
            name: `cluster ${name}`,
            pid: () => server.pid,
            startsAgain: false,
            directory: join(directory, name),
          },
        ]),
      ],
      this.#delays,
    );
  }

  async #addCluster(name: string, launcher: readonly string[]): Promise<void> {
    const cluster = await this.#fleet.startCluster(name, {
      launcher,
      flags: this.#history,
      klusterletFlags: shortEviction,
    });
    await this.#fleet.join(cluster);
    const client = await connect(cluster.kubeconfig);
    const load = new WorkLoad({
      client: this.#theHub(),
      namespace: name,
      random: this.#random,
      writers: 2,
      worksPerWriter: 5,
      pauseMs: 250,
    });
    this.#members.push({ cluster, client, load, foreign: await createForeign(client) });
    this.#options.say(`${name} has joined`);
  }

  #theHub(): KubeClient {
    if (this.#hub === undefined) throw new Error('the hub has not been started');
    return this.#hub;
  }

  async load(): Promise<void> {
    const { minutes, say, signal } = this.#options;
    for (const { load } of this.#members) load.start();
    const beganMs = performance.now();
    for (let step = 0; !signal.aborted; step++) {
      this.#tookMs = performance.now() - beganMs;
      if (this.#tookMs >= minutes * 60_000) break;
      this.#checkProcesses();
      if (step % 5 === 0) this.#sampler?.sample(this.#tookMs);
      if (step % 7 === 0) this.#renewWatcher(step / 7);
      if (this.#options.restarts && step % 60 === 59) await this.#restart(Math.floor(step / 60));
      await this.#drift();
      if (step % 60 === 0)
        say(`${Math.round(this.#tookMs / 60_000)} of ${minutes} min, ${this.#written()} writes`);
      await pause(stepMs);
    }
    this.#stopWatchers();
  }

  async judge(): Promise<SoakResult> {
    const hub = this.#theHub();
    for (const { load } of this.#members) await load.stop();
    for (const { cluster, client, load, foreign } of this.#members) {
      await checkConverged({ hub, cluster: client, namespace: cluster.name, load, foreign }, 240_000);
    }
    const warmUpMs = this.#tookMs * warmUpShare;
    const series = this.#sampler?.series ?? [];
    const momentsMs = moments(this.#tookMs, columns);
    const judgements = series.map((one) => judge(one, { fromMs: warmUpMs, momentsMs }));
    const { clusters, out, say } = this.#options;
    const minutes = Math.round(this.#tookMs / 6000) / 10;
    const done = `${this.#written()} writes, ${this.#drifts} objects drifted, ${this.#restarts} klusterlets started again`;
    const title = `Soak of ${minutes} min: a hub and ${clusters} clusters, ${done}`;
    mkdirSync(dirname(out), { recursive: true });
    writeFileSync(out, plot(series, { title, warmUpMs }));
    const verdicts = new Set(judgements.map(({ verdict }) => verdict));
    const isFlat = verdicts.has('grows') ? false : verdicts.has('too short') ? undefined : true;
    say(describeSoak(judgements, { title, warmUpMs, momentsMs, isFlat }));
    say(`The plot: ${out}`);
    return { judgements, isFlat };
  }

  async close(): Promise<void> {
    this.#stopWatchers();
    for (const { load, client } of this.#members) {
      await load.stop().catch(() => undefined); // judge() has told
      await client.transport.close();
    }
    await this.#hub?.transport.close();
    await this.#fleet.close();
  }

  #written(): number {
    return this.#members.reduce((sum, { load }) => sum + load.acknowledged, 0);
  }

  #checkProcesses(): void {
    const all = [
      this.#fleet.hub,
      ...this.#members.flatMap(({ cluster }) => [cluster.klusterlet, cluster.server]),
    ];
    const ended = all.find(({ isRunning }) => !isRunning);
    if (ended !== undefined) throw new Error(`${ended.name} ended by itself: ${ended.output}`);
  }

  /** A user of kubectl who goes away and comes again. */
  #renewWatcher(turn: number): void {
    const slot = turn % this.#watchers.length;
    this.#watchers[slot]?.kill('SIGTERM');
    const args = ['--kubeconfig', this.#fleet.hubKubeconfig, 'get', 'manifestworks', '-A', '--watch'];
    this.#watchers[slot] = spawn('kubectl', args, { stdio: 'ignore' });
    this.#watchers[slot]?.on('error', () => undefined); // without kubectl there is one kind of load less
  }

  #stopWatchers(): void {
    for (const watcher of this.#watchers.splice(0)) watcher?.kill('SIGTERM');
  }

  async #restart(turn: number): Promise<void> {
    const some = this.#members.slice(1);
    const { klusterlet } = some[turn % some.length]?.cluster ?? {};
    if (klusterlet === undefined) return;
    await klusterlet.stop();
    klusterlet.start();
    this.#restarts++;
  }

  /** Somebody in a cluster changes or deletes what a work holds. */
  async #drift(): Promise<void> {
    const client = this.#members[Math.floor(this.#random.next() * this.#members.length)]?.client;
    if (client === undefined) return;
    const { items } = await client.list<KubeObject>(wellKnown.configMaps, { namespace: 'default' });
    const ours = items.filter(
      ({ metadata: { name = '', ownerReferences } }) => name.startsWith('load-') && ownerReferences,
    );
    const name = ours[Math.floor(this.#random.next() * ours.length)]?.metadata.name;
    if (name === undefined) return;
    const key = { namespace: 'default', name };
    try {
      if (this.#random.next() < 0.5) await client.delete(wellKnown.configMaps, key);
      else {
        const body = { data: { content: 'drifted' } };
        await client.patch(wellKnown.configMaps, key, { type: 'merge', body });
      }
      this.#drifts++;
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error; // its work has just been deleted
    }
  }
}
