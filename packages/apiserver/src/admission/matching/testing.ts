/** For tests: the attributes of a write, with everything a test does not care about filled in. */
import type { KubeObject } from '@flotilla/api';
import { testDefinition } from '../../handlers/testing/handler-test-kit.js';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { AdmissionAttributes } from '../admission.js';

export const podDefinition = testDefinition({ resource: 'pods', kind: 'Pod', schema: { type: 'object' } });

export const namespaceDefinition: ResourceDefinition = testDefinition({
  resource: 'namespaces',
  kind: 'Namespace',
  namespaced: false,
  schema: { type: 'object' },
});

export interface TestAttributes extends AdmissionAttributes {
  readonly warnings: string[];
  readonly annotations: Map<string, string>;
}

/** `objects`: what the admission client finds, by `resource/name` or `resource/namespace/name`. */
export function testAttributes(
  facts: Partial<AdmissionAttributes>,
  objects: Readonly<Record<string, KubeObject>> = {},
): TestAttributes {
  const warnings: string[] = [];
  const annotations = new Map<string, string>();
  const object = facts.object ?? facts.oldObject;
  return {
    operation: 'CREATE',
    definition: podDefinition,
    namespace: facts.definition?.namespaced === false ? undefined : 'default',
    name: object?.metadata.name ?? '',
    subresource: undefined,
    object: undefined,
    oldObject: undefined,
    user: { username: 'jane', groups: ['devs', 'system:authenticated'] },
    dryRun: false,
    options: {},
    warn: (text) => void warnings.push(text),
    annotate: (key, value) => void annotations.set(key, value),
    client: {
      get: ({ resource }, { namespace, name }) =>
        objects[namespace === undefined ? `${resource}/${name}` : `${resource}/${namespace}/${name}`],
    },
    ...facts,
    warnings,
    annotations,
  };
}

export function namespaceObject(name: string, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels } };
}

export function podObject(name: string, labels: Record<string, string> = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', labels } };
}
