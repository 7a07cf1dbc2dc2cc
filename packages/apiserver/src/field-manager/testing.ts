/**
 * A kind with every form of list and map, and short spellings for the tests of field management. Tests only.
 */
import { type KubeObject, type ManagedFieldsEntry, type Schema, StatusError } from '@flotilla/api';
import type { FieldSet } from './field-set.js';
import { updateManagedFields } from './managed-fields.js';
import { serverSideApply } from './server-side-apply.js';

const string: Schema = { type: 'string' };
const integer: Schema = { type: 'integer' };

const container: Schema = {
  type: 'object',
  properties: {
    name: string,
    image: string,
    args: { type: 'array', items: string },
    env: {
      type: 'array',
      items: { type: 'object', properties: { name: string, value: string } },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['name'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'name',
    },
    ports: {
      type: 'array',
      items: {
        type: 'object',
        properties: { containerPort: integer, protocol: { type: 'string', default: 'TCP' }, name: string },
      },
      'x-kubernetes-list-type': 'map',
      'x-kubernetes-list-map-keys': ['containerPort', 'protocol'],
      'x-kubernetes-patch-strategy': 'merge',
      'x-kubernetes-patch-merge-key': 'containerPort',
    },
  },
};

/** Of the kind `Widget` in `demo.io/v1`. */
export const widgetSchema: Schema = {
  type: 'object',
  properties: {
    apiVersion: string,
    kind: string,
    metadata: { type: 'object' },
    spec: {
      type: 'object',
      properties: {
        replicas: integer,
        paused: { type: 'boolean' },
        selector: {
          type: 'object',
          additionalProperties: string,
          'x-kubernetes-map-type': 'atomic',
        },
        limits: { type: 'object', additionalProperties: { 'x-kubernetes-int-or-string': true } },
        rules: { type: 'array', items: { type: 'object', properties: { verb: string } } },
        tags: {
          type: 'array',
          items: string,
          'x-kubernetes-list-type': 'set',
          'x-kubernetes-patch-strategy': 'merge',
        },
        containers: {
          type: 'array',
          items: container,
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          'x-kubernetes-patch-strategy': 'merge',
          'x-kubernetes-patch-merge-key': 'name',
        },
        strategy: {
          type: 'object',
          'x-kubernetes-patch-strategy': 'retainKeys',
          properties: {
            type: string,
            rolling: { type: 'object', properties: { surge: integer, down: integer } },
          },
        },
        extra: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: {
      type: 'object',
      properties: {
        ready: integer,
        conditions: {
          type: 'array',
          items: { type: 'object', properties: { type: string, status: string } },
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['type'],
        },
      },
    },
  },
};

export const widgetVersion = 'demo.io/v1';

/** The time of step n. */
export function timeOf(step: number): string {
  return `2026-01-02T03:04:${String(step).padStart(2, '0')}Z`;
}

/** A Widget with the given top-level fields; metadata is laid over the name. */
export function widget(fields: { metadata?: object; spec?: object; status?: object } = {}): KubeObject {
  const { metadata, ...rest } = fields;
  return { apiVersion: widgetVersion, kind: 'Widget', metadata: { name: 'w', ...metadata }, ...rest };
}

/** An object and the managers that write it, one second per write. */
export class WidgetHistory {
  object: KubeObject | undefined;
  #step = 0;

  get #nowMs(): number {
    return Date.parse(timeOf(this.#step));
  }

  /** Stores what the client sends, as PUT would. */
  put(
    manager: string,
    object: KubeObject,
    options: { subresource?: string; resetPaths?: string[] } = {},
  ): this {
    this.#step++;
    const managedFields = updateManagedFields({
      live: this.object,
      updated: object,
      schema: widgetSchema,
      manager,
      apiVersion: object.apiVersion,
      nowMs: this.#nowMs,
      ...options,
    });
    this.object = { ...object, metadata: { ...object.metadata, managedFields } };
    return this;
  }

  apply(
    manager: string,
    applied: KubeObject,
    options: { force?: boolean; subresource?: string; resetPaths?: string[] } = {},
  ): this {
    this.#step++;
    const { force = false, ...rest } = options;
    const result = serverSideApply({
      live: this.object,
      applied,
      schema: widgetSchema,
      manager,
      force,
      apiVersion: widgetVersion,
      nowMs: this.#nowMs,
      ...rest,
    });
    this.object = result.object;
    return this;
  }

  get spec(): unknown {
    return this.object?.['spec'];
  }

  get entries(): readonly ManagedFieldsEntry[] {
    return this.object?.metadata.managedFields ?? [];
  }

  /** manager[/subresource] (Apply in capitals) -> FieldsV1. */
  get owners(): Record<string, FieldSet> {
    return Object.fromEntries(
      this.entries.map((entry) => {
        const name =
          entry.operation === 'Apply' ? (entry.manager ?? '').toUpperCase() : (entry.manager ?? '');
        const where = entry.subresource === undefined ? '' : `/${entry.subresource}`;
        return [name + where, (entry.fieldsV1 ?? {}) as FieldSet];
      }),
    );
  }
}

/** The StatusError that the function throws. */
export function failureOf(run: () => unknown): StatusError {
  try {
    run();
  } catch (error) {
    if (error instanceof StatusError) return error;
    throw error;
  }
  throw new Error('it did not fail');
}
