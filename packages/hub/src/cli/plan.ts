/** `hub works plan`: asks klusterlets what works would do to their clusters, prints the answers, writes nothing there. */
import {
  findCondition,
  hasReason,
  isObject,
  type ManifestWork,
  type ManifestWorkPlan,
  manifestWorkKind,
  manifestWorkPlanKind,
  parseYaml,
  planCondition,
  resourceOf,
  workGroupName,
  YamlError,
} from '@flotilla/api';
import { type Env, type KubeClient, sleep } from '@flotilla/kube';
import {
  addCommand,
  ExitCode,
  type OutputFormat,
  outputOption,
  parseDuration,
  readInput,
  renderList,
  UsageError,
} from '@flotilla/kube/cli';
import { type Command, Option } from 'commander';
import { kubeconfigOption } from './connect.js';
import { type CommandContext, withHub } from './context.js';
import { describePlan } from './describe-plan.js';

interface PlanOptions {
  readonly filename: string;
  readonly cluster?: string;
  readonly timeout: number;
  readonly output: OutputFormat;
  readonly kubeconfig?: string;
}

const ref = resourceOf(manifestWorkPlanKind);
/** Between two looks at a plan that is not answered. */
const pauseMs = 200;
const wouldChange = 3;

export function addPlanCommand(works: Command, context: CommandContext): void {
  addCommand(works, 'plan', {
    description:
      'tell what the ManifestWorks of a file would do to their clusters, by dry runs there; nothing is written',
    exitCodes: {
      0: 'nothing would change',
      1: 'something would be refused, or cannot be told',
      3: 'something would change',
    },
    examples: [
      'hub works plan -f web.work.yaml',
      'hub works plan -f web.work.yaml -n cluster2',
      'hub works plan -f - < web.work.yaml',
    ],
  })
    .addOption(
      new Option(
        '-f, --filename <file>',
        'YAML or JSON of ManifestWorks; - reads standard input',
      ).makeOptionMandatory(),
    )
    .option('-n, --cluster <name>', 'the cluster to ask; default: the namespace of each work')
    .addOption(
      new Option('--timeout <duration>', 'how long to wait for the answers')
        .argParser(parseDuration)
        .default(30_000, '30s'),
    )
    .addOption(outputOption())
    .addOption(kubeconfigOption())
    .action(async (options: PlanOptions) => {
      const works = readWorks(await readText(context.env, options.filename), options);
      await withHub(context, options, async ({ client, env }) => {
        const answers = await ask(client, works, { env, timeoutMs: options.timeout });
        const rows = answers.map((plan) => describePlan(plan));
        if (options.output === 'table' || options.output === 'wide') context.print(rows.join('\n'));
        else
          context.print(renderList(options.output, { headers: [], rows: [], objects: answers, empty: '' }));
        finish(answers);
      });
    });
}

function finish(answers: readonly ManifestWorkPlan[]): void {
  const count = (action: 'create' | 'change' | 'delete' | 'refused'): number =>
    answers.reduce((sum, { status }) => sum + (status?.summary?.[action] ?? 0), 0);
  const isFailed = answers.some(({ status }) => {
    return findCondition(status?.conditions, planCondition.planned)?.status !== 'True';
  });
  if (isFailed || count('refused') > 0) throw new ExitCode(1);
  if (count('create') + count('change') + count('delete') > 0) throw new ExitCode(wouldChange);
}

async function readText(env: Env, filename: string): Promise<string> {
  if (filename === '-') return readInput();
  const bytes = await env.files.read(filename);
  if (bytes === undefined) throw new UsageError(`-f: the file ${filename} does not exist`);
  return Buffer.from(bytes).toString('utf8');
}

/** @throws UsageError naming the document that is no work, or for no cluster. */
export function readWorks(
  text: string,
  { filename, cluster }: { readonly filename: string; readonly cluster?: string },
): ManifestWork[] {
  const works = parse(text, filename).flatMap(itemsOf);
  if (works.length === 0) throw new UsageError(`-f: ${filename} holds no ManifestWork`);
  return works.map((value, at) => {
    const what = `-f: the object ${at + 1} of ${filename}`;
    if (!isObject(value) || value['kind'] !== manifestWorkKind.kind || !isOurs(value['apiVersion'])) {
      throw new UsageError(`${what} is not a ManifestWork of ${workGroupName}/v1`);
    }
    const metadata = isObject(value['metadata']) ? value['metadata'] : {};
    const namespace = cluster ?? metadata['namespace'];
    if (typeof metadata['name'] !== 'string') throw new UsageError(`${what} has no metadata.name`);
    if (typeof namespace !== 'string') {
      throw new UsageError(`${what} has no metadata.namespace: say which cluster to ask with -n`);
    }
    return { ...value, metadata: { ...metadata, name: metadata['name'], namespace } } as ManifestWork; // checked above; the hub checks the rest
  });
}

function isOurs(apiVersion: unknown): boolean {
  return apiVersion === `${workGroupName}/v1`;
}

function parse(text: string, filename: string): unknown[] {
  try {
    return parseYaml(text);
  } catch (error) {
    if (!(error instanceof YamlError)) throw error;
    throw new UsageError(`-f: ${filename}: ${error.message}`, { cause: error });
  }
}

function itemsOf(value: unknown): unknown[] {
  const isList = isObject(value) && typeof value['kind'] === 'string' && value['kind'].endsWith('List');
  return isList && Array.isArray(value['items']) ? value['items'] : [value];
}

/** The questions are taken back whatever comes of them. */
async function ask(
  client: KubeClient,
  works: readonly ManifestWork[],
  { env, timeoutMs }: { readonly env: Env; readonly timeoutMs: number },
): Promise<ManifestWorkPlan[]> {
  const deadlineMs = env.clock.monotonicMs() + timeoutMs;
  const asked: ManifestWorkPlan[] = [];
  try {
    for (const work of works) asked.push(await client.create<ManifestWorkPlan>(ref, question(work)));
    return await Promise.all(asked.map((plan) => awaitAnswer(client, plan, { env, deadlineMs })));
  } finally {
    await Promise.all(asked.map(({ metadata }) => takeBack(client, metadata)));
  }
}

function question({ metadata, spec }: ManifestWork): ManifestWorkPlan {
  const { name = '', namespace = '' } = metadata;
  const prefix = name.slice(0, 200).replace(/[^a-z0-9]+$/, '');
  return {
    apiVersion: `${manifestWorkPlanKind.group}/${manifestWorkPlanKind.version}`,
    kind: manifestWorkPlanKind.kind,
    metadata: { generateName: `${prefix}-`, namespace },
    spec: { workName: name, workSpec: spec ?? {} },
  };
}

async function awaitAnswer(
  client: KubeClient,
  plan: ManifestWorkPlan,
  { env, deadlineMs }: { readonly env: Env; readonly deadlineMs: number },
): Promise<ManifestWorkPlan> {
  const { namespace = '', name = '' } = plan.metadata;
  for (;;) {
    const now = await client.get<ManifestWorkPlan>(ref, { namespace, name });
    if (now.status?.observedGeneration === now.metadata.generation) return now;
    if (env.clock.monotonicMs() >= deadlineMs) {
      throw new Error(
        `the klusterlet of ${namespace} has not answered in time: it is away (see "hub clusters"), or its agent does not know plans, as OCM's; wait longer with --timeout`,
      );
    }
    await sleep(env.clock, pauseMs);
  }
}

async function takeBack(
  client: KubeClient,
  { namespace = '', name = '' }: ManifestWorkPlan['metadata'],
): Promise<void> {
  try {
    await client.delete(ref, { namespace, name });
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
