/** `hub works history`, `diff` and `undo`: the former generations of a work, and the way back to one of them. */
import {
  changedAtAnnotation,
  changedByAnnotation,
  formatAge,
  hasReason,
  type JsonObject,
  type ManifestWork,
  type ManifestWorkRevision,
  manifestWorkRevisionKind,
  parseTime,
  resourceOf,
  workUidLabel,
} from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
import {
  addCommand,
  confirm,
  type OutputFormat,
  outputOption,
  renderList,
  UsageError,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { generationsOf } from '../history/revisions.js';
import { changesBetween, diffOf, summarize } from '../history/work-changes.js';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';
import { mustFindWork } from './find.js';

/** One generation with its spec; the first of a list is the present one. */
export interface Generation {
  readonly generation: number;
  /** Others with the same spec. */
  readonly earlier: readonly number[];
  readonly changedBy: string | undefined;
  readonly changedAt: string | undefined;
  readonly spec: JsonObject;
  readonly object: ManifestWork | ManifestWorkRevision;
}

interface WorkOptions {
  readonly cluster: string;
  readonly kubeconfig?: string;
}

const revisions = resourceOf(manifestWorkRevisionKind);

export function addHistoryCommands(works: Command, context: CommandContext): void {
  addHistory(works, context);
  addDiff(works, context);
  addUndo(works, context);
}

function addHistory(works: Command, context: CommandContext): void {
  addCommand(works, 'history <work>', {
    description: 'list the generations of a ManifestWork that are kept: when, by whom, what changed',
    examples: ['hub works history web -n cluster1', 'hub works history web -n cluster1 -o yaml'],
  })
    .addOption(clusterOption())
    .addOption(outputOption())
    .addOption(kubeconfigOption())
    .action((name: string, options: WorkOptions & { output: OutputFormat }) =>
      withHub(context, options, async ({ client, env }) => {
        const { all } = await readHistory(client, { namespace: options.cluster, name });
        const headers = ['Generation', 'Age', 'By', 'Manifests', 'Change'];
        const rows = all.map((each, at) => historyRow(each, { before: all[at + 1], nowMs: env.clock.now() }));
        const objects = all.map(({ object }) => object);
        context.print(renderList(options.output, { headers, rows, objects, empty: '' }));
      }),
    );
}

export function historyRow(
  { generation, earlier, changedBy, changedAt, spec }: Generation,
  { before, nowMs }: { readonly before: Generation | undefined; readonly nowMs: number },
): string[] {
  const also = earlier.length > 0 ? ` (as ${earlier.join(', ')})` : '';
  const manifests = (spec as ManifestWork['spec'])?.workload?.manifests ?? []; // the spec of a work
  const changes = before && changesBetween(before.spec, spec);
  return [
    `${generation}${also}`,
    changedAt === undefined ? '<unknown>' : formatAge(nowMs - parseTime(changedAt)),
    changedBy ?? '<unknown>',
    String(manifests.length),
    changes ? summarize(changes) : generation === 1 ? 'created' : 'the oldest that is kept',
  ];
}

function addDiff(works: Command, context: CommandContext): void {
  addCommand(works, 'diff <work>', {
    description:
      'show what differs between two generations of a ManifestWork, manifest by manifest; exit code 0 whether or not they differ',
    examples: [
      'hub works diff web -n cluster1',
      'hub works diff web -n cluster1 --from 3 --to 5',
      'hub works diff web -n cluster1 --from 3 --show-secrets',
    ],
  })
    .addOption(clusterOption())
    .addOption(generationOption('--from <generation>', 'default: the one before "to"'))
    .addOption(generationOption('--to <generation>', 'default: the present one'))
    .option('--show-secrets', 'do not hide the values of Secrets')
    .addOption(kubeconfigOption())
    .action((name: string, options: WorkOptions & { from?: number; to?: number; showSecrets?: boolean }) =>
      withHub(context, options, async ({ client }) => {
        const history = await readHistory(client, { namespace: options.cluster, name });
        const to = options.to === undefined ? history.all[0] : find(history, options.to);
        const before = history.all.find(({ generation }) => generation < (to?.generation ?? 0));
        const from = options.from === undefined ? before : find(history, options.from);
        if (from === undefined || to === undefined) {
          const shown = to === undefined ? '' : ` ${options.to ?? to.generation}`;
          throw new Error(`no generation before${shown} is kept of ${options.cluster}/${name}`);
        }
        const [fromText, toText] = [options.from ?? from.generation, options.to ?? to.generation];
        const labels = { from: `generation ${fromText}`, to: `generation ${toText}` };
        const showSecrets = options.showSecrets === true;
        const parts = changesBetween(from.spec, to.spec).map((each) =>
          diffOf(each, { ...labels, showSecrets }),
        );
        const same = `generations ${fromText} and ${toText} of ${options.cluster}/${name} are the same`;
        context.print(parts.length === 0 ? same : parts.join('\n'));
      }),
    );
}

function addUndo(works: Command, context: CommandContext): void {
  addCommand(works, 'undo <work>', {
    description: 'bring a former generation of a ManifestWork back, as a new generation',
    examples: ['hub works undo web -n cluster1', 'hub works undo web -n cluster1 --to 3 --yes'],
  })
    .addOption(clusterOption())
    .addOption(generationOption('--to <generation>', 'default: the one before the present one'))
    .option('-y, --yes', 'do not ask; without a terminal nobody is asked')
    .addOption(kubeconfigOption())
    .action((name: string, options: WorkOptions & { to?: number; yes?: boolean }) =>
      withHub(context, options, async ({ client }) => {
        const place = `${options.cluster}/${name}`;
        const history = await readHistory(client, { namespace: options.cluster, name });
        const [present] = history.all;
        const target = options.to === undefined ? history.all[1] : find(history, options.to);
        if (target === undefined || present === undefined) {
          throw new Error(`no former generation of ${place} is kept`);
        }
        const shown = options.to ?? target.generation;
        const changes = changesBetween(present.spec, target.spec);
        if (changes.length === 0) {
          context.print(`${place} is as in generation ${shown} already`);
          return;
        }
        const question = `bring generation ${shown} of ${place} back? ${summarize(changes, 10)}`;
        if (options.yes !== true && !(await confirm(question))) {
          context.print('nothing was changed');
          return;
        }
        const written = await restore(client, history.work, target.spec);
        context.print(
          `${place} is as in generation ${shown} again, as generation ${written.metadata.generation ?? 0}`,
        );
      }),
    );
}

/** Bound to the very work that was read. */
async function restore(client: KubeClient, work: ManifestWork, spec: JsonObject): Promise<ManifestWork> {
  try {
    return await client.update<ManifestWork>(wellKnown.manifestWorks, { ...work, spec } as ManifestWork); // a spec that a work had
  } catch (error) {
    if (!hasReason(error, 'Conflict')) throw error;
    const { namespace, name } = work.metadata;
    throw new Error(
      `${namespace}/${name} was changed by somebody else at the same time; look, then try again`,
      {
        cause: error,
      },
    );
  }
}

interface History {
  readonly work: ManifestWork;
  /** Newest first; never empty. */
  readonly all: readonly Generation[];
}

async function readHistory(
  client: KubeClient,
  key: { readonly namespace: string; readonly name: string },
): Promise<History> {
  const work = await mustFindWork(client, key);
  const kept = await client.list<ManifestWorkRevision>(revisions, {
    namespace: key.namespace,
    labelSelector: `${workUidLabel}=${work.metadata.uid ?? ''}`,
  });
  return { work, all: generationsFrom(work, kept.items) };
}

/** A revision of the present generation is that of a change that did not come about. */
export function generationsFrom(work: ManifestWork, kept: readonly ManifestWorkRevision[]): Generation[] {
  const { generation = 1, annotations = {} } = work.metadata;
  const present: Generation = {
    generation,
    earlier: kept
      .filter((revision) => revision.spec?.generation === generation)
      .flatMap((revision) => generationsOf(revision).slice(1)),
    changedBy: annotations[changedByAnnotation],
    changedAt: annotations[changedAtAnnotation],
    spec: (work.spec ?? {}) as JsonObject, // JSON, as every spec
    object: work,
  };
  const former = kept
    .filter(({ spec }) => spec !== undefined && spec.generation < generation)
    .map((revision): Generation => {
      const { spec } = revision;
      return {
        generation: spec?.generation ?? 0,
        earlier: generationsOf(revision).slice(1),
        changedBy: spec?.changedBy,
        changedAt: spec?.changedAt,
        spec: spec?.workSpec ?? {},
        object: revision,
      };
    })
    .sort((a, b) => b.generation - a.generation);
  return [present, ...former];
}

function find({ all, work }: History, generation: number): Generation {
  const found = all.find((each) => each.generation === generation || each.earlier.includes(generation));
  if (found !== undefined) return found;
  const { namespace, name } = work.metadata;
  const kept = all.flatMap((each) => [each.generation, ...each.earlier]).join(', ');
  throw new Error(`generation ${generation} of ${namespace}/${name} is not kept; there are ${kept}`);
}

function clusterOption(): Option {
  return new Option(
    '-n, --cluster <name>',
    'the cluster, which is the namespace of the work',
  ).makeOptionMandatory();
}

function generationOption(flags: string, which: string): Option {
  return new Option(flags, `a generation, as "hub works history" lists them; ${which}`).argParser((text) => {
    if (!/^[1-9][0-9]{0,8}$/.test(text)) {
      throw new UsageError(
        `${flags.split(' ', 1)[0]} must be a generation, a whole number from 1, not ${text}`,
      );
    }
    return Number(text);
  });
}
