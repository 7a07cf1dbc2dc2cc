/**
 * What simulated works are made of, as plain data that prints well. Every object carries a token that names the work
 * and the edition of its spec that it is from, so that one look tells what is in effect. Pure.
 */
import type { KubeObject, ManifestWork } from '@flotilla/api';
import type { ResourceRef } from '@flotilla/kube';

export type Strategy = 'Update' | 'ServerSideApply' | 'CreateOnly' | 'ReadOnly';

/** One object that a work names; `cronjob` is offered in two versions, `gadget` comes with its definition. */
export interface Item {
  readonly kind: 'configmap' | 'secret' | 'namespace' | 'cronjob' | 'deployment' | 'definition' | 'gadget';
  readonly name: string;
  readonly namespace?: string;
  readonly strategy: Strategy;
}

/** The spec of a work, in short. */
export interface WorkPlan {
  readonly cluster: string;
  readonly name: string;
  readonly items: readonly Item[];
  readonly orphan: boolean;
}

export const tokenKey = 'sim.example/token';
export const gadgetGroup = 'sim.example';

const refs: Readonly<Record<Item['kind'], Omit<ResourceRef, 'resource'> & { resource?: string }>> = {
  configmap: { group: '', version: 'v1', resource: 'configmaps', namespaced: true },
  secret: { group: '', version: 'v1', resource: 'secrets', namespaced: true },
  namespace: { group: '', version: 'v1', resource: 'namespaces', namespaced: false },
  cronjob: { group: 'batch', version: 'v1', resource: 'cronjobs', namespaced: true },
  deployment: { group: 'apps', version: 'v1', resource: 'deployments', namespaced: true },
  definition: {
    group: 'apiextensions.k8s.io',
    version: 'v1',
    resource: 'customresourcedefinitions',
    namespaced: false,
  },
  gadget: { group: gadgetGroup, version: 'v1', namespaced: true },
};

export function refOf(item: Item): ResourceRef {
  const ref = refs[item.kind];
  return { ...ref, resource: ref.resource ?? `${item.name}s` };
}

/** The item's place in the managed cluster's store. */
export function itemKey(item: Item): string {
  const { group, resource, namespaced } = refOf(item);
  const place = namespaced ? `${item.namespace ?? 'default'}/${item.name}` : nameOf(item);
  return `/registry/${group === '' ? 'core' : group}/${resource}/${place}`;
}

/** A definition is named after the gadget that it is for. */
export function nameOf(item: Item): string {
  return item.kind === 'definition' ? `${item.name}s.${gadgetGroup}` : item.name;
}

/** Names that several works use. */
export const sharedNames = ['shared-1', 'shared-2'] as const;

export function isShared({ name }: Pick<Item, 'name'>): boolean {
  return (sharedNames as readonly string[]).includes(name);
}

/** Kinds of objects whose `data` a drift can change. */
export function hasData({ kind }: Item): boolean {
  return kind === 'configmap' || kind === 'secret';
}

/** Begins the tokens of what was only asked about. */
export const planTokenPrefix = 'plan.';

/** The token of an object that a work has applied; what controllers make may carry a copy, which does not count. */
export function tokenOf(object: KubeObject | undefined): string | undefined {
  const isMadeByController = object?.metadata.ownerReferences?.some(({ controller }) => controller === true);
  return isMadeByController ? undefined : object?.metadata.annotations?.[tokenKey];
}

export function toWork(plan: WorkPlan, token: string): ManifestWork {
  const manifests = plan.items.flatMap((item) => toManifests(item, token));
  return {
    apiVersion: 'work.open-cluster-management.io/v1',
    kind: 'ManifestWork',
    metadata: { name: plan.name, namespace: plan.cluster },
    spec: {
      workload: { manifests: manifests as never }, // the schema's type of any object
      ...(plan.orphan && { deleteOption: { propagationPolicy: 'Orphan' as const } }),
      manifestConfigs: plan.items.map((item) => toConfig(item)),
    },
  };
}

function toConfig(item: Item) {
  const { group, resource, namespaced } = refOf(item);
  const countRule = {
    type: 'JSONPaths' as const,
    jsonPaths: [{ name: 'count', path: '.metadata.labels.count' }],
  };
  return {
    resourceIdentifier: {
      group,
      resource,
      name: nameOf(item),
      namespace: namespaced ? (item.namespace ?? 'default') : '',
    },
    updateStrategy:
      item.strategy === 'ServerSideApply'
        ? { type: item.strategy, serverSideApply: { force: true } }
        : { type: item.strategy },
    ...(hasData(item) && { feedbackRules: [countRule] }),
    ...(item.kind === 'deployment' && { feedbackRules: [{ type: 'WellKnownStatus' as const }] }),
  };
}

/** The manifests of one item: one, or the same object in several versions. */
export function toManifests(item: Item, token: string): KubeObject[] {
  const { group, version, namespaced } = refOf(item);
  const object: KubeObject = {
    apiVersion: group === '' ? version : `${group}/${version}`,
    kind: kindNames[item.kind] ?? 'Gadget',
    metadata: {
      name: nameOf(item),
      ...(namespaced && { namespace: item.namespace ?? 'default' }),
      annotations: { [tokenKey]: token },
    },
  };
  switch (item.kind) {
    case 'configmap':
      return [{ ...object, data: { value: token, [`from-${token}`]: 'yes' } }];
    case 'secret':
      return [{ ...object, type: 'Opaque', data: { value: Buffer.from(token).toString('base64') } }];
    case 'namespace':
      return [object];
    case 'gadget':
      return [{ ...object, kind: gadgetKind(item.name), spec: { value: token } }];
    case 'deployment':
      return [{ ...object, spec: deploymentSpec(item.name, token) }];
    case 'definition':
      return [{ ...object, spec: definitionSpec(item.name) }];
    case 'cronjob':
      return ['batch/v1beta1', 'batch/v1'].map((apiVersion) => ({ ...object, apiVersion, spec: cronSpec }));
  }
}

const kindNames: Readonly<Partial<Record<Item['kind'], string>>> = {
  configmap: 'ConfigMap',
  secret: 'Secret',
  namespace: 'Namespace',
  cronjob: 'CronJob',
  deployment: 'Deployment',
  definition: 'CustomResourceDefinition',
};

function gadgetKind(name: string): string {
  return `Gadget${name.replace(/[^a-z0-9]/g, '')}`;
}

function deploymentSpec(name: string, token: string) {
  const labels = { app: name };
  return {
    replicas: 1 + (token.length % 3),
    selector: { matchLabels: labels },
    template: {
      metadata: { labels },
      spec: { containers: [{ name: 'main', image: `example/${token}:1` }] },
    },
  };
}

const cronSpec = {
  schedule: '0 0 * * *',
  suspend: true,
  jobTemplate: {
    spec: {
      template: { spec: { restartPolicy: 'Never', containers: [{ name: 'main', image: 'example/none:1' }] } },
    },
  },
};

function definitionSpec(name: string) {
  const schema = {
    type: 'object',
    properties: { spec: { type: 'object', properties: { value: { type: 'string' } } } },
  };
  return {
    group: gadgetGroup,
    scope: 'Namespaced',
    names: {
      plural: `${name}s`,
      singular: name,
      kind: gadgetKind(name),
      listKind: `${gadgetKind(name)}List`,
    },
    versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: schema } }],
  };
}
