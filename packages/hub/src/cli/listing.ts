/** What `hub clusters`, `hub works` and `hub csr list` do alike: list once, or with `--watch` go on showing what changes. */
import type { KubeObject } from '@flotilla/api';
import { createInformer, createStopController, type Informer, type ResourceRef } from '@flotilla/kube';
import {
  hasColors,
  type ListView,
  LiveList,
  type OutputFormat,
  outputOption,
  renderList,
  screenOf,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { type Connection, kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';

export interface ListingOptions {
  readonly kubeconfig?: string;
  readonly output: OutputFormat;
  readonly watch?: boolean;
}

interface Source {
  readonly ref: ResourceRef;
  readonly namespace?: string;
  readonly labelSelector?: string;
  readonly fieldSelector?: string;
}

export interface Listing<T extends KubeObject, B extends KubeObject> extends Source {
  /** Objects that rows tell something of, too: the leases of clusters. */
  readonly beside: Source | undefined;
  /** Looks at what was listed first. @throws Error for a question that cannot be answered. */
  readonly check?: (hub: Connection, objects: readonly T[]) => Promise<void>;
  /** What is said beside a table that is printed once: on standard error. */
  readonly notes?: (objects: readonly T[]) => readonly string[];
  readonly view: (objects: readonly T[], facts: { beside: readonly B[]; nowMs: number }) => ListView;
}

/** How often ages are drawn anew, and the shortest time between two drawings. */
const tickMs = 1000;
const shortestMs = 100;

/** Adds `-o`, `--watch` and `--kubeconfig`. */
export function withListingOptions(command: Command): Command {
  return command
    .addOption(outputOption())
    .addOption(
      new Option('-w, --watch', 'go on and show what changes: on a terminal in place, else line by line'),
    )
    .addOption(kubeconfigOption());
}

export async function runListing<T extends KubeObject, B extends KubeObject = KubeObject>(
  context: CommandContext,
  options: ListingOptions,
  listing: Listing<T, B>,
): Promise<void> {
  await withHub(context, options, async (hub) => {
    const { beside } = listing;
    // Also before a watch: a hub that is away, or refuses, is told of now.
    const [objects, others] = await Promise.all([
      listAll<T>(hub, listing),
      beside === undefined ? [] : listAll<B>(hub, beside),
    ]);
    await listing.check?.(hub, objects);
    if (options.watch === true) return follow(context, { hub, listing, format: options.output });
    const view = listing.view(objects, { beside: others, nowMs: hub.env.clock.now() });
    const text = renderList(options.output, view);
    if (text !== '') context.print(text);
    if (options.output !== 'table' && options.output !== 'wide') return;
    for (const note of listing.notes?.(objects) ?? []) context.note(note);
  });
}

async function listAll<T>({ client }: Connection, { ref, ...selectors }: Source): Promise<readonly T[]> {
  return (await client.list<T>(ref, pickSelectors(selectors))).items;
}

function pickSelectors({ namespace, labelSelector, fieldSelector }: Omit<Source, 'ref'>) {
  return {
    ...(namespace !== undefined && { namespace }),
    ...(labelSelector !== undefined && { labelSelector }),
    ...(fieldSelector !== undefined && { fieldSelector }),
  };
}

async function follow<T extends KubeObject, B extends KubeObject>(
  context: CommandContext,
  { hub, listing, format }: { hub: Connection; listing: Listing<T, B>; format: OutputFormat },
): Promise<void> {
  const stop = createStopController();
  const { client, env } = hub;
  const objects = createInformer<T>(client, listing.ref, { env, ...pickSelectors(listing) });
  const beside =
    listing.beside &&
    createInformer<B>(client, listing.beside.ref, { env, ...pickSelectors(listing.beside) });
  const informers: Informer<KubeObject>[] = [objects, ...(beside ? [beside] : [])] as Informer<KubeObject>[]; // closed alike
  const live = new LiveList({
    format,
    write: context.write,
    screen: () => screenOf(),
    colors: hasColors(),
  });
  const viewOf = (items: readonly T[]): ListView =>
    listing.view(items, { beside: beside?.cache.list() ?? [], nowMs: env.clock.now() });
  for (const informer of informers) informer.start(stop.signal);
  await Promise.all(informers.map((informer) => informer.synced(stop.signal)));
  const stopped = context.stopped();
  if (live.isDrawn)
    keepDrawing(env, { informers, signal: stop.signal, draw: () => live.draw(viewOf(objects.cache.list())) });
  else {
    live.append(viewOf(objects.cache.list()));
    let isPresent = true; // what is there is told first, and was appended as a whole
    objects.onChange(({ type, object }) => {
      if (isPresent) return;
      if (type === 'deleted') live.appendDeleted(viewOf([object]));
      else live.append(viewOf([object]));
    });
    isPresent = false;
  }
  await stopped;
  stop.abort(new Error('the user has seen enough'));
  await Promise.all(informers.map((informer) => informer.close()));
}

function keepDrawing(
  { clock }: Pick<Connection['env'], 'clock'>,
  options: { informers: readonly Informer<KubeObject>[]; signal: AbortSignal; draw: () => void },
): void {
  const { informers, signal, draw } = options;
  let next = clock.setTimer(0, () => undefined);
  const drawLater = (delayMs: number): void => {
    next.cancel();
    if (signal.aborted) return;
    next = clock.setTimer(delayMs, () => {
      draw();
      drawLater(tickMs);
    });
  };
  for (const informer of informers) informer.onChange(() => drawLater(shortestMs));
  draw();
  drawLater(tickMs);
}
