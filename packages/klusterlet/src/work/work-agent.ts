/**
 * The klusterlet's work agent, put together. It holds the managed cluster to its works from the first moment, from
 * the saved copy while the hub is away, and keeps the hub's status true whenever it can be reached.
 * Called by the klusterlet's agent.
 */
import { isPlan, type ObjectMeta } from '@flotilla/api';
import {
  createController,
  createDiscovery,
  createInformer,
  type Discovery,
  dropManagedFields,
  type Env,
  type KubeClient,
  onAbort,
  sleep,
  untilAborted,
  wellKnown,
} from '@flotilla/kube';
import { createCorrectionLimiter } from './apply/correction-limiter.js';
import { createDeletionGuard } from './deletion-guard.js';
import { createAnnotatedPlans } from './dry-run/annotated-plans.js';
import { createPlanAgent } from './dry-run/plan-agent.js';
import { planWork, type WorkPlanInput } from './dry-run/plan-work.js';
import { createDiagnoses } from './health/diagnoses.js';
import { createHubWriter } from './hub-writer.js';
import { recordedResources } from './inventory/applied-resources.js';
import { createFieldClaims } from './inventory/field-claims.js';
import { createInventories } from './inventory/inventories.js';
import { InventoryReconciler } from './inventory/inventory-reconciler.js';
import { defaultWorkAgentOptions, type WorkAgentOptions } from './options.js';
import { placeId, placeOf } from './planning/identity.js';
import { createSavedWorks } from './saved-works.js';
import { createObjectWatches, type Tracked } from './watching/object-watches.js';
import { knownVersion, WorkMemory } from './work-memory.js';
import { WorkReconciler } from './work-reconciler.js';
import { createHubWorkSource } from './work-source.js';

export interface WorkAgentSetup {
  readonly env: Env;
  readonly hub: KubeClient;
  readonly managed: KubeClient;
  readonly clusterName: string;
  readonly agentId: string;
  /** The hub's address, textually: it tells this hub from others in the managed cluster. */
  readonly hubServer: string;
  /** Where the copies of works are kept. */
  readonly worksDir: string;
  readonly options?: Partial<WorkAgentOptions>;
}

export interface WorkAgent {
  /** Runs until the signal aborts, then resolves when everything has stopped. */
  run(signal: AbortSignal): Promise<void>;
}

/** Does nothing before `run`. */
export function createWorkAgent(setup: WorkAgentSetup): WorkAgent {
  return { run: (signal) => runWorkAgent(setup, signal) };
}

async function runWorkAgent(setup: WorkAgentSetup, signal: AbortSignal): Promise<void> {
  const agent = assemble(setup);
  try {
    await agent.start(signal);
    await aborted(signal);
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    await agent.close();
  }
}

const trackerOfWork = (name: string): string => `work/${name}`;
const trackerOfInventory = (name: string): string => `inventory/${name}`;

interface Assembled {
  start(signal: AbortSignal): Promise<void>;
  close(): Promise<void>;
}

function assemble(setup: WorkAgentSetup): Assembled {
  const { env, managed, hub, clusterName, agentId, hubServer, worksDir } = setup;
  const options: WorkAgentOptions = { ...defaultWorkAgentOptions, ...setup.options };
  const memory = new WorkMemory();
  const saved = createSavedWorks({ env, directory: worksDir });
  const discovery = createDiscovery(managed, { env });
  const definitions = createInformer(managed, wellKnown.customResourceDefinitions, {
    env,
    metadataOnly: true,
    transform: dropManagedFields,
  });

  const source = createHubWorkSource({
    env,
    hub,
    clusterName,
    onChange: (name, what) => {
      hubWriter.wake(name);
      if (what === 'status') {
        annotated.answer(name); // a hub that was restored may have lost it
        return;
      }
      works.enqueue(name);
      remains.enqueue(inventories.nameFor(name));
    },
    onDeleted: (work) => reconciler.deleted(work),
    onComplete: () => {
      for (const { metadata } of inventories.list()) remains.enqueue(metadata.name ?? '');
    },
  });
  const hubWriter = createHubWriter({ env, hub, source, options });
  const inventories = createInventories({
    env,
    client: managed,
    hubServer,
    agentId,
    onChange: (inventory, type) => {
      remains.enqueue(inventory.metadata.name ?? '');
      const isEnding = type === 'deleted' || inventory.metadata.deletionTimestamp !== undefined;
      const work = inventory.spec?.manifestWorkName ?? '';
      if (isEnding && work !== '') works.enqueue(work);
    },
  });
  const watches = createObjectWatches({
    env,
    client: managed,
    onBroken: () => discovery.invalidate(),
    onChange: (tracker, tracked, metadata) => {
      const work = tracker.startsWith(workPrefix) ? tracker.slice(workPrefix.length) : undefined;
      if (work === undefined) {
        remains.enqueue(tracker.slice(trackerOfInventory('').length));
        return;
      }
      if (isNews(work, tracked, metadata)) works.enqueue(work);
      if (source.get(work)?.metadata.deletionTimestamp !== undefined) {
        remains.enqueue(inventories.nameFor(work));
      }
    },
  });
  const workPrefix = trackerOfWork('');
  /** What a watch shows of our own writes is none. */
  const isNews = (work: string, tracked: Tracked, metadata: ObjectMeta | undefined): boolean => {
    const known = memory.of(work).get(placeId(placeOf(tracked.ref, tracked.key)));
    const version = known && knownVersion(known);
    return version === undefined || metadata?.resourceVersion !== version;
  };

  const claims = createFieldClaims({ source, saved, inventories });
  const shared = { env, client: managed, discovery, inventories, watches, claims, options };
  const diagnoses = createDiagnoses({
    env,
    client: managed,
    onNews: (work) => works.enqueue(work),
    options,
  });
  /** A plan has nothing here: what is here was applied for a work that a restored hub has only planned. */
  const hasWork = (name: string): boolean | undefined => {
    const work = source.get(name);
    if (work !== undefined && !isPlan(work)) return true;
    return source.isComplete ? false : undefined;
  };
  const guard = createDeletionGuard({
    env,
    hub,
    clusterName,
    options: options.deletionGuard,
    held: () => worksOfThisHub(),
    missing: () => worksOfThisHub().filter((name) => hasWork(name) === false),
    onRelease: (names) => {
      for (const name of names) {
        works.enqueue(name);
        remains.enqueue(inventories.nameFor(name));
      }
    },
  });
  const worksOfThisHub = (): string[] =>
    inventories.list().flatMap((inventory) => {
      const name = inventory.spec?.manifestWorkName ?? '';
      const isOfThisHub = inventory.metadata.name === inventories.nameFor(name);
      const isGoing = inventory.metadata.deletionTimestamp !== undefined;
      return isOfThisHub && !isGoing && recordedResources(inventory).length > 0 ? [name] : [];
    });
  const plan = (question: Pick<WorkPlanInput, 'name' | 'spec' | 'signal'>) =>
    planWork(
      {
        client: managed,
        discovery,
        manifestConcurrency: options.manifestConcurrency,
        contestedBy: (work, target) => reconciler.contestedBy(work, target),
      },
      {
        ...question,
        present: source.get(question.name),
        inventory: inventories.get(inventories.nameFor(question.name)),
      },
    );
  const annotated = createAnnotatedPlans({ env, hub, source, plan });
  const reconciler: WorkReconciler = new WorkReconciler({
    ...shared,
    source,
    saved,
    hubWriter,
    diagnoses,
    plans: annotated,
    guard,
    memory,
    limiter: createCorrectionLimiter(env.clock),
    random: () => env.random.next(),
    trackerOf: trackerOfWork,
  });
  const works = createController({
    name: 'work',
    env,
    concurrency: options.workConcurrency,
    maxDelayMs: options.maxRetryMs,
    reconcile: (name, { signal }) => reconciler.reconcile(name, signal),
  });
  const inventoryReconciler = new InventoryReconciler({
    ...shared,
    agentId,
    guard,
    hasWork,
    trackerOf: trackerOfInventory,
    onHeld: (name, reasons) => {
      const work = source.get(name);
      if (work?.metadata.deletionTimestamp !== undefined) hubWriter.reportDeleting(work, reasons);
    },
  });
  const remains = createController({
    name: 'applied work',
    env,
    concurrency: options.workConcurrency,
    maxDelayMs: options.maxRetryMs,
    reconcile: (name, { signal }) => inventoryReconciler.reconcile(name, signal),
  });
  const plans = createPlanAgent({ env, hub, clusterName, plan });
  discovery.onChange(() => {
    for (const name of source.names()) works.enqueue(name);
  });
  definitions.onChange(() => {
    if (definitions.isSynced) discovery.invalidate();
  });

  return {
    start: async (signal) => {
      source.restore(await saved.load());
      for (const part of [source, inventories, discovery, definitions, watches]) part.start(signal);
      await Promise.all([inventories.synced(signal), untilReady(discovery, signal)]);
      await Promise.race([source.completed(signal), sleep(env.clock, options.firstWordMs, signal)]);
      for (const name of new Set([...source.names(), ...saved.names()])) works.enqueue(name);
      for (const part of [works, remains, hubWriter, diagnoses, guard, annotated, plans]) part.start(signal);
    },
    close: async () => {
      const controllers = [works, remains, hubWriter, diagnoses, guard, annotated, plans];
      await Promise.all(controllers.map((part) => part.close()));
      await Promise.all([source, inventories, discovery, definitions, watches].map((part) => part.close()));
    },
  };
}

/** Resolves when discovery has read the cluster's resources for the first time. */
function untilReady(discovery: Discovery, signal: AbortSignal): Promise<void> {
  if (discovery.isReady) return Promise.resolve();
  return untilAborted(
    new Promise((resolve) => {
      const unsubscribe = discovery.onChange(() => {
        unsubscribe();
        resolve();
      });
    }),
    signal,
  );
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    onAbort(signal, resolve);
  });
}
