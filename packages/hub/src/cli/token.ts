/** `hub token create`: what lets a cluster join, as a join string, as a line for kubectl, or as a Secret. */
import { formatJoinString, validateObjectName } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { addCommand, parseDuration, parseHttpsUrl, UsageError } from '@flotilla/kube/cli';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { createInvitationKey, invitationSecret, invitationUrl } from '../invitations/invitation.js';
import { bootstrapTokenSecret, createBootstrapToken } from '../tokens/bootstrap-token.js';
import { joinManifest } from '../tokens/join-manifest.js';
import { problemOfTerms, type TokenTerms, termsToAnnotations } from '../tokens/token-terms.js';
import { type Connection, kubeconfigOption } from './connect.js';
import { type CommandContext, hubTimeMs, withHub } from './context.js';

interface TokenOptions {
  readonly cluster?: string;
  readonly ttl: number;
  readonly server?: readonly string[];
  readonly manifest?: boolean;
  readonly image?: string;
  readonly secret?: boolean;
  readonly names?: string;
  readonly approve?: boolean;
  readonly label?: Readonly<Record<string, string>>;
  readonly clusterSet?: string;
  readonly kubeconfig?: string;
}

export function addTokenCommand(program: Command, context: CommandContext): void {
  const token = addCommand(program, 'token', {
    description: 'make the tokens with which clusters join',
    examples: ['hub token create', 'hub token create --cluster cluster1 --ttl 24h'],
  });
  addCommand(token, 'create', {
    description: 'make a bootstrap token and print the join string for "klusterlet join"',
    examples: [
      'hub token create',
      'klusterlet join "$(hub token create --cluster cluster1)" --name cluster1',
      'hub token create --cluster cluster1 --manifest --image registry.example/flotilla-klusterlet:0.1.0',
      "hub token create --names 'edge-*' --approve --label region=north --cluster-set shops",
      'hub token create --cluster cluster1 --secret | kubectl --context cluster1 apply -f -',
    ],
  })
    .option(
      '--cluster <name>',
      'the one cluster that may join with it, also when that name is already joined',
    )
    .option('--names <pattern>', 'names that may join with it, such as edge-*; default: any')
    .option('--approve', 'accept and approve the cluster as soon as it asks, without "hub approve"')
    .option(
      '--label <key=value>',
      'a label of the cluster that joins, given again for each further one',
      parseLabel,
    )
    .option('--cluster-set <name>', 'the cluster set of the cluster that joins')
    .addOption(
      new Option('--ttl <duration>', 'how long it is valid')
        .argParser(parseDuration)
        .default(3_600_000, '1h'),
    )
    .option(
      '--server <url>',
      "the hub's URL as the cluster reaches it, given again for each further one; default: the server of the kubeconfig",
      (text: string, urls: readonly string[] = []) => [...urls, parseHttpsUrl(text)],
    )
    .option(
      '--manifest',
      'print the line "kubectl apply -f https://HUB/join/..." that installs the klusterlet in the cluster and lets it join: good once; needs --cluster',
    )
    .option('--image <image>', "the klusterlet's image, with --manifest; default: flotilla-klusterlet:0.1.0")
    .option(
      '--secret',
      'print it as the Secret that deploy/klusterlet reads, for "kubectl apply -f -" on the cluster; needs --cluster',
    )
    .addOption(kubeconfigOption())
    .action(async (options: TokenOptions) => {
      checkOptions(options);
      await withHub(context, options, async (hub) => {
        if (options.manifest === true) await createInvitation(hub, context, options);
        else await createToken(hub, context, options);
      });
    });
}

function parseLabel(text: string, labels: Readonly<Record<string, string>> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('give a label such as region=north.');
  return { ...labels, [text.slice(0, at)]: text.slice(at + 1) };
}

function termsOf({ names, approve, label, clusterSet }: TokenOptions): TokenTerms {
  return {
    ...(names !== undefined && { names }),
    ...(approve === true && { approve }),
    ...(label && { labels: label }),
    ...(clusterSet !== undefined && { clusterSet }),
  };
}

function checkOptions(options: TokenOptions): void {
  const { cluster, manifest, secret, image, ttl, names } = options;
  const problem = problemOfTerms(termsOf(options));
  if (problem !== undefined) throw new UsageError(problem);
  if (names !== undefined && cluster !== undefined)
    throw new UsageError('give --cluster or --names, not both');
  const form = manifest === true ? '--manifest' : secret === true ? '--secret' : undefined;
  if (cluster !== undefined) requireClusterName(cluster);
  else if (form !== undefined) throw new UsageError(`${form} needs --cluster`);
  if (manifest === true && secret === true) throw new UsageError('give --manifest or --secret, not both');
  if (image !== undefined && manifest !== true) throw new UsageError('--image needs --manifest');
  if (image !== undefined && !/^[\w.:/@-]+$/.test(image))
    throw new UsageError(`--image is no name of an image: ${JSON.stringify(image)}`);
  if (ttl < 1000) throw new UsageError('--ttl must be at least 1s');
}

async function createToken(
  { client, env, server, caHash }: Connection,
  { print }: CommandContext,
  options: TokenOptions,
): Promise<void> {
  const { cluster, ttl, server: given, secret, names } = options;
  const servers = given ?? [server];
  const made = createBootstrapToken(env.random);
  const pin = caHash();
  await client.create(
    wellKnown.secrets,
    bootstrapTokenSecret(made, {
      expiresAtMs: (await hubTimeMs(client, env)) + ttl,
      ...(cluster !== undefined && { cluster }),
      ...termsOf(options),
      servers,
    }),
  );
  const joinString = formatJoinString({
    server: servers[0] ?? server,
    alternatives: servers.slice(1),
    token: `${made.id}.${made.secret}`,
    caHash: pin,
    ...(cluster !== undefined && { cluster }),
    ...(names !== undefined && { names }),
  });
  print(secret === true ? joinManifest(joinString) : joinString);
}

/** The line is the answer; how to trust a hub that kubectl does not know is a note. */
async function createInvitation(
  { client, env, server, ca, caHash }: Connection,
  { print, note }: CommandContext,
  options: TokenOptions,
): Promise<void> {
  const { cluster = '', ttl, server: [first = server, ...others] = [], image } = options;
  const key = createInvitationKey(env.random);
  const terms = {
    cluster,
    servers: [first, ...others] as const,
    caHash: caHash(),
    tokenTtlMs: ttl,
    expiresAtMs: (await hubTimeMs(client, env)) + ttl,
    ...(image !== undefined && { image }),
  };
  const secret = invitationSecret(key, terms);
  const annotations = termsToAnnotations({ ...termsOf(options), servers: terms.servers });
  await client.create(wellKnown.secrets, { ...secret, metadata: { ...secret.metadata, annotations } });
  const url = invitationUrl(first, key);
  print(`kubectl apply -f ${url}`);
  if (ca === undefined) return;
  const pem = Buffer.from(ca).toString('base64');
  note(
    [
      `It is good once, for ${cluster}. Where kubectl does not trust the hub's certificate (a hub without --tls-cert-file`,
      'has an authority of its own), this line in bash or zsh does the same and trusts that authority only:',
      `curl -fsS --cacert <(echo ${pem} | base64 --decode) ${url} | kubectl apply -f -`,
    ].join('\n'),
  );
}

function requireClusterName(name: string): void {
  const [error] = validateObjectName(name, 'label');
  if (error !== undefined) throw new UsageError(`the cluster name is refused: ${error.message}`);
}
