/**
 * Admission: what may change or refuse a write after it is authorized and decoded, and before it is stored.
 * Plugins run in the order given; all `admit` calls before any `validate` call, as the object may still change.
 * The chain is driven by the object store for every write, also those of the server's own loops.
 */
import type { KubeObject } from '@flotilla/api';
import type { UserInfo } from '../authentication/user.js';
import type { ExpectedBody } from '../handlers/body.js';
import type { ResourceDefinition } from '../registry/resource.js';

export type AdmissionOperation = 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';

/** Read access to other objects, from the cache. Objects are immutable. */
export interface AdmissionClient {
  get(
    resource: { readonly group: string; readonly resource: string },
    key: { readonly namespace?: string; readonly name: string },
  ): KubeObject | undefined;
}

export interface AdmissionAttributes {
  readonly operation: AdmissionOperation;
  readonly definition: ResourceDefinition;
  readonly namespace: string | undefined;
  /** Empty while a generated name is not known yet. */
  readonly name: string;
  readonly subresource: string | undefined;
  /** What `object` and `oldObject` are where they are no objects of the resource: a Scale, an Eviction ... */
  readonly body?: ExpectedBody | undefined;
  /** The new state, changeable in place or by replacement in `admit`; undefined for DELETE. */
  object: KubeObject | undefined;
  /** The state before; undefined for CREATE. Immutable. */
  readonly oldObject: KubeObject | undefined;
  readonly user: UserInfo;
  readonly dryRun: boolean;
  /** The operation's own options object (`CreateOptions` ...), for webhooks. */
  readonly options: Readonly<Record<string, unknown>>;
  warn(text: string): void;
  /** Adds to the annotations of the request's audit event; nothing happens when no audit log is kept. */
  annotate(key: string, value: string): void;
  readonly client: AdmissionClient;
  /** Set to `wanted` by a plugin whose change those before it may have to see: `admit` runs all of them once more. */
  reinvocation?: 'wanted' | 'running';
}

/** Refuses by throwing StatusError. */
export interface AdmissionPlugin {
  readonly name: string;
  handles(attributes: AdmissionAttributes): boolean;
  admit?(attributes: AdmissionAttributes): Promise<void> | void;
  validate?(attributes: AdmissionAttributes): Promise<void> | void;
}

/** Runs the mutating half, twice when a plugin asks for it. */
export async function admit(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
): Promise<void> {
  await admitOnce(plugins, attributes);
  if (attributes.reinvocation === undefined) return;
  attributes.reinvocation = 'running';
  await admitOnce(plugins, attributes);
}

async function admitOnce(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
): Promise<void> {
  for (const plugin of plugins) {
    if (plugin.admit === undefined || !plugin.handles(attributes)) continue;
    const pending = plugin.admit(attributes);
    if (pending !== undefined) await pending;
  }
}

/** Runs the validating half. */
export async function validateAdmission(
  plugins: readonly AdmissionPlugin[],
  attributes: AdmissionAttributes,
): Promise<void> {
  for (const plugin of plugins) {
    if (plugin.validate === undefined || !plugin.handles(attributes)) continue;
    const pending = plugin.validate(attributes);
    if (pending !== undefined) await pending;
  }
}
