/** Requests that have once been answered with a failure of the server's own: every run begins with them. */
import { type FuzzRequest, fuzzNamespace } from './fuzz-parts.js';

export const pastDefects: readonly FuzzRequest[] = [
  once('DELETE', `/api/v1/namespaces/${fuzzNamespace}/pods/a`, { kind: { toString: '-1' } }),
  once('DELETE', `/api/v1/namespaces/${fuzzNamespace}/pods/a`, { propagationPolicy: { toString: 0 } }),
  once('PUT', `/api/v1/namespaces/${fuzzNamespace}/configmaps/a`, {
    apiVersion: { toString: 0 },
    kind: 'ConfigMap',
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/configmaps`, {
    metadata: { name: 'a', labels: { a: null } },
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/configmaps`, {
    metadata: { name: 'a', annotations: { a: null } },
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/serviceaccounts/default/token`, {
    spec: { boundObjectRef: null },
  }),
  once('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'x.demo.flotilla.dev' },
    spec: {
      group: 'demo.flotilla.dev',
      names: { plural: 'x', kind: 'X' },
      scope: 'Namespaced',
      versions: [null],
    },
  }),
  // This one ended the process.
  {
    method: 'PATCH',
    target: `/api/v1/namespaces/${fuzzNamespace}/configmaps/a?fieldManager=fuzz`,
    headers: { 'content-type': 'application/apply-patch+yaml' },
    body: Buffer.from(`{"spec":${'[{"a":'.repeat(50_000)}1`),
  },
];

function once(method: string, target: string, body: object): FuzzRequest {
  return {
    method,
    target,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}
