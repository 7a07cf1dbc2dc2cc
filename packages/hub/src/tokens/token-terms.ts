/**
 * What a bootstrap token carries besides the right to ask: names that it may join, approval beforehand, labels and the
 * cluster set of its cluster. Kept as annotations of the token's Secret, or of the invitation that it will come from;
 * only an administrator writes those. Pure.
 */
import {
  clusterSetLabel,
  flotillaKey,
  isObject,
  type KubeObject,
  validateLabels,
  validateObjectName,
} from '@flotilla/api';

export interface TokenTerms {
  /** Pattern of cluster names, `*` for any characters; absent: every name. */
  readonly names?: string;
  /** The cluster is accepted and its certificate approved as soon as it asks. */
  readonly approve?: boolean;
  /** Of the ManagedCluster that is made with the token. */
  readonly labels?: Readonly<Record<string, string>>;
  readonly clusterSet?: string;
  /** Addresses of the hub that the join string holds: `hub doctor` tries them. */
  readonly servers?: readonly string[];
}

const namesAnnotation = flotillaKey('token-cluster-names');
const approvesAnnotation = flotillaKey('token-approves');
const labelsAnnotation = flotillaKey('token-labels');
const clusterSetAnnotation = flotillaKey('token-cluster-set');
const serversAnnotation = flotillaKey('token-servers');

export function termsToAnnotations({
  names,
  approve,
  labels,
  clusterSet,
  servers,
}: TokenTerms): Record<string, string> {
  return {
    ...(names !== undefined && { [namesAnnotation]: names }),
    ...(approve === true && { [approvesAnnotation]: 'true' }),
    ...(labels !== undefined &&
      Object.keys(labels).length > 0 && { [labelsAnnotation]: JSON.stringify(labels) }),
    ...(clusterSet !== undefined && { [clusterSetAnnotation]: clusterSet }),
    ...(servers !== undefined && servers.length > 0 && { [serversAnnotation]: servers.join('\n') }),
  };
}

/** What somebody spoiled by hand counts as not given. */
export function readTerms({ metadata }: KubeObject): TokenTerms {
  const { annotations = {} } = metadata;
  const names = annotations[namesAnnotation];
  const labels = parseLabels(annotations[labelsAnnotation]);
  const clusterSet = annotations[clusterSetAnnotation];
  const servers = annotations[serversAnnotation];
  return {
    ...(names !== undefined && { names }),
    ...(annotations[approvesAnnotation] === 'true' && { approve: true }),
    ...(labels !== undefined && { labels }),
    ...(clusterSet !== undefined && { clusterSet }),
    ...(servers !== undefined && { servers: servers.split('\n') }),
  };
}

function parseLabels(text: string | undefined): Record<string, string> | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    if (!isObject(value)) return undefined;
    return Object.fromEntries(Object.entries(value).map(([key, each]) => [key, String(each)]));
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** The labels that a cluster gets from its token, its set among them. */
export function labelsOfTerms({ labels = {}, clusterSet }: TokenTerms): Record<string, string> {
  return { ...labels, ...(clusterSet !== undefined && { [clusterSetLabel]: clusterSet }) };
}

/** Why the terms cannot be given; undefined: they can. */
export function problemOfTerms({ names, labels, clusterSet }: TokenTerms): string | undefined {
  if (names !== undefined && !/^[a-z0-9*]([a-z0-9*-]*[a-z0-9*])?$/.test(names))
    return `--names takes letters, digits, - and * only, not ${JSON.stringify(names)}`;
  const [badLabel] = validateLabels(labels ?? {}, '--label');
  if (badLabel !== undefined) return `--label is refused: ${badLabel.message}`;
  if (labels?.[clusterSetLabel] !== undefined) return `--label: the cluster set is named by --cluster-set`;
  const [badSet] = clusterSet === undefined ? [] : validateObjectName(clusterSet, 'subdomain');
  return badSet === undefined ? undefined : `--cluster-set is refused: ${badSet.message}`;
}
