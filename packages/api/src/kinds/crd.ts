/**
 * A kind as the CustomResourceDefinition that a Kubernetes API server is given. The result is plain JSON and
 * shares nothing with the kind that a caller could change. Called by `hack/generate.mjs` and by the hub. Pure.
 */
import { clone } from '../json.js';
import type { KubeObject } from '../object.js';
import type { KindDefinition } from './kind.js';

/** apiextensions.k8s.io/v1 CustomResourceDefinition with the kind as its one version, served and stored. */
export function toCrd(kind: KindDefinition): KubeObject {
  const version = {
    name: kind.version,
    served: true,
    storage: true,
    schema: { openAPIV3Schema: kind.schema },
    ...(kind.hasStatus && { subresources: { status: {} } }),
    ...(kind.columns.length > 0 && { additionalPrinterColumns: kind.columns }),
  };
  return clone({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}` },
    spec: {
      group: kind.group,
      names: {
        kind: kind.kind,
        listKind: kind.listKind,
        plural: kind.plural,
        singular: kind.singular,
        ...(kind.shortNames.length > 0 && { shortNames: kind.shortNames }),
      },
      scope: kind.namespaced ? 'Namespaced' : 'Cluster',
      versions: [version],
    },
  });
}
