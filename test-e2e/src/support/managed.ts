/** What tests of works put into managed clusters, and how they look at it. */
import { expect } from 'chai';
import { type Cluster, type Conditioned, type Fleet, must, type Work, work } from './fleet.js';
import { eventually } from './processes.js';

export interface Live extends Conditioned {
  readonly metadata: Conditioned['metadata'] & {
    readonly finalizers?: readonly string[];
    readonly deletionTimestamp?: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly { readonly uid: string; readonly name: string }[];
  };
  readonly data?: Readonly<Record<string, string>>;
  readonly spec?: Readonly<Record<string, unknown>>;
}

/** The inventory of one work in its managed cluster. */
export interface Inventory extends Live {
  readonly spec: Readonly<Record<string, unknown>> & { readonly manifestWorkName: string };
  readonly status?: Conditioned['status'] & {
    readonly appliedResources?: readonly { readonly name: string; readonly uid?: string }[];
  };
}

export function namespace(name: string): object {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name } };
}

/** Namespaced `gadgets.example.io`, with a status and any content. */
export const gadgets = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: { name: 'gadgets.example.io' },
  spec: {
    group: 'example.io',
    scope: 'Namespaced',
    names: { plural: 'gadgets', singular: 'gadget', kind: 'Gadget', listKind: 'GadgetList' },
    versions: [
      {
        name: 'v1',
        served: true,
        storage: true,
        subresources: { status: {} },
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
};

export function gadget(name: string, spec: object = {}, namespace = 'default'): object {
  return { apiVersion: 'example.io/v1', kind: 'Gadget', metadata: { name, namespace }, spec };
}

/** The works of one cluster of a fleet. */
export class ManagedWorks {
  readonly #fleet: Fleet;
  readonly cluster: Cluster;

  constructor(fleet: Fleet, cluster: Cluster) {
    this.#fleet = fleet;
    this.cluster = cluster;
  }

  apply(name: string, manifests: readonly object[], more: object = {}): Promise<string> {
    return this.#fleet.apply(work(this.cluster, name, manifests, more));
  }

  /** Applies a work, and waits until it says that it is applied. */
  async send(name: string, manifests: readonly object[], more: object = {}): Promise<Work> {
    await this.apply(name, manifests, more);
    return this.#fleet.workApplied(this.cluster, name);
  }

  read(name: string): Promise<Work> {
    return this.#fleet.hubGet<Work>('manifestwork', name, '-n', this.cluster.name);
  }

  async delete(name: string): Promise<void> {
    must(await this.#fleet.kubectl('delete', 'manifestwork', name, '-n', this.cluster.name, '--wait=false'));
  }

  untilDeleted(name: string): Promise<unknown> {
    return eventually(`the work ${name} is gone`, async () => {
      const { code, stderr } = await this.#fleet.kubectl(
        'get',
        'manifestwork',
        name,
        '-n',
        this.cluster.name,
      );
      return code !== 0 && stderr.includes('NotFound');
    });
  }

  /** The condition of a manifest, by the manifest's object; undefined while it has none. */
  async condition(name: string, object: string, type: string) {
    const manifests = (await this.read(name)).status?.resourceStatus?.manifests ?? [];
    const found = manifests.find(({ resourceMeta }) => resourceMeta.name === object);
    return found?.conditions.find((each) => each.type === type);
  }

  /** Waits until a manifest's condition has the status, and its message says so. */
  until(
    name: string,
    object: string,
    wanted: { readonly type: string; readonly status: string; readonly says?: RegExp },
  ) {
    const { type, status, says } = wanted;
    return eventually(`${name}: ${object} is ${type}=${status} ${says ?? ''}`, async () => {
      const found = await this.condition(name, object, type);
      const isRight = found?.status === status && (says === undefined || says.test(found.message));
      if (!isRight) throw new Error(JSON.stringify(found));
      return found;
    });
  }

  why(name: string): Promise<string> {
    return this.#fleet.hubCommand('why', name, '-n', this.cluster.name).then(({ stdout }) => stdout);
  }

  /** kubectl in the managed cluster. @throws Error with its words when it fails. */
  async k(...args: string[]): Promise<string> {
    return must(await this.#fleet.on(this.cluster, ...args));
  }

  get(...args: string[]): Promise<Live> {
    return this.#fleet.get<Live>(this.cluster, ...args);
  }

  async has(...args: string[]): Promise<boolean> {
    const { code, stderr } = await this.#fleet.on(this.cluster, 'get', ...args);
    if (code !== 0) expect(stderr).to.match(/NotFound|not found|doesn't have a resource type/);
    return code === 0;
  }

  untilGone(...args: string[]): Promise<unknown> {
    return eventually(`${args.join(' ')} is gone`, async () => !(await this.has(...args)));
  }

  merge(object: readonly string[], patch: object, ...more: string[]): Promise<string> {
    return this.k('patch', ...object, '--type=merge', '-p', JSON.stringify(patch), ...more);
  }

  async inventory(name: string): Promise<Inventory | undefined> {
    const all = await this.#fleet.get<{ items: Inventory[] }>(this.cluster, 'appliedmanifestworks');
    return all.items.find(({ spec }) => spec.manifestWorkName === name);
  }
}
