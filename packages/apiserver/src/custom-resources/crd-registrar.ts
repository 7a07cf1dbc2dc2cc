/**
 * Keeps the registry true to the CustomResourceDefinitions in the cache: resources appear, change and go with the
 * write of their CRD, and watches on what is no longer served end. Follows the cache's own events; call `start` once
 * the cache has started.
 */
import { equal, type KubeObject } from '@flotilla/api';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { storageRef } from '../registry/versions.js';
import { resourcePrefix } from '../storage/keys.js';
import type { CacheEvent, CacheWatch } from '../watch-cache/types.js';
import type { WatchCache } from '../watch-cache/watch-cache.js';
import type { CustomConversion } from './crd-definition.js';
import { type CrdResourceOptions, resourcesOf } from './crd-resources.js';
import { asCrd, type Crd, crdGroup, crdResource } from './crd-types.js';

export const crdPrefix = resourcePrefix({ group: crdGroup, resource: crdResource });

export interface CrdRegistrarDependencies {
  readonly cache: WatchCache;
  readonly registry: ResourceRegistry;
  readonly conversions: ReadonlyMap<string, CustomConversion>;
  readonly webhookOf: CrdResourceOptions['webhookOf'];
}

/** What of a CRD its resources depend on. */
interface Basis {
  readonly spec: unknown;
  readonly acceptedNames: unknown;
  readonly conditions: unknown;
  readonly isTerminating: boolean;
}

export class CrdRegistrar {
  readonly #deps: CrdRegistrarDependencies;
  readonly #bases = new Map<string, Basis>();
  #watch: CacheWatch | undefined;

  constructor(dependencies: CrdRegistrarDependencies) {
    this.#deps = dependencies;
  }

  /** Registers what is there and follows it from then on. */
  start(): void {
    const { items, revision } = this.#deps.cache.list(crdPrefix);
    for (const item of items) this.#register(item.object);
    this.#watch = this.#deps.cache.watch(
      crdPrefix,
      { after: revision },
      {
        onEvents: (events) => {
          for (const event of events) this.#onEvent(event);
          return true;
        },
        onEnd: () => {
          this.#watch = undefined;
        },
      },
    );
    this.#watch.resume();
  }

  close(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  #onEvent({ type, object }: CacheEvent): void {
    if (type !== 'DELETED') {
      this.#register(object.object);
      return;
    }
    this.#bases.delete(object.name);
    this.#replace(object.name, []);
  }

  #register(object: KubeObject): void {
    const crd = asCrd(object);
    const name = crd.metadata.name ?? '';
    const basis = basisOf(crd);
    if (equal(basis, this.#bases.get(name))) return;
    this.#bases.set(name, basis);
    this.#replace(name, resourcesOf(crd, this.#deps));
  }

  #replace(name: string, definitions: readonly ResourceDefinition[]): void {
    const before = this.#deps.registry.definitionsOf(name);
    this.#deps.registry.set(name, definitions);
    const served = new Set(definitions.map(identityOf));
    for (const definition of before) {
      if (served.has(identityOf(definition))) continue;
      this.#deps.cache.endWatches(resourcePrefix(storageRef(definition)));
    }
  }
}

function identityOf({ group, version, resource }: ResourceDefinition): string {
  return `${group}/${version}/${resource}`;
}

function basisOf(crd: Crd): Basis {
  return {
    spec: crd.spec,
    acceptedNames: crd.status?.acceptedNames,
    conditions: crd.status?.conditions?.map(({ type, status }) => ({ type, status })),
    isTerminating: crd.metadata.deletionTimestamp !== undefined,
  };
}
