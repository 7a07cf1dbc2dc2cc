/** A join string as deploy/klusterlet reads it: a Secret in the klusterlet's namespace. Pure. */
import type { KubeObject } from '@flotilla/api';

const namespace = 'open-cluster-management-agent';

/** Holds the token: it is for the managed cluster's eyes only. */
export function joinSecret(joinString: string): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'klusterlet-join', namespace },
    type: 'Opaque',
    stringData: { 'join-string': joinString },
  };
}

/** JSON of a List that `kubectl apply -f -` takes, also before deploy/klusterlet is there. */
export function joinManifest(joinString: string): string {
  const items = [
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
    joinSecret(joinString),
  ];
  return JSON.stringify({ apiVersion: 'v1', kind: 'List', items }, undefined, 2);
}
