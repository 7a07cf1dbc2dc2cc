/** All that one `kubectl apply` needs for a cluster to join: deploy/klusterlet and the join string. Pure. */
import { isObject, type KubeObject } from '@flotilla/api';
import { klusterletBase } from '../gen/klusterlet-base.js';
import { joinSecret } from '../tokens/join-manifest.js';

export interface KlusterletManifestOptions {
  /** In place of the base's. */
  readonly image?: string;
}

export interface KlusterletManifest {
  readonly apiVersion: 'v1';
  readonly kind: 'List';
  readonly items: readonly KubeObject[];
}

/** The Secret comes before the Deployment that mounts it. Holds the token: for the cluster's eyes only. */
export function klusterletManifest(
  joinString: string,
  { image }: KlusterletManifestOptions = {},
): KlusterletManifest {
  const base = klusterletBase as readonly KubeObject[]; // written by hack/generate.mjs from manifests
  const isNamespace = ({ kind }: KubeObject): boolean => kind === 'Namespace';
  const rest = base.filter((object) => !isNamespace(object));
  return {
    apiVersion: 'v1',
    kind: 'List',
    items: [
      ...base.filter(isNamespace),
      joinSecret(joinString),
      ...rest.map((object) => (image === undefined ? object : withImage(object, image))),
    ],
  };
}

/** The one container of the Deployment. */
function withImage(object: KubeObject, image: string): KubeObject {
  const { spec } = object;
  const template = isObject(spec) ? spec['template'] : undefined;
  const pod = isObject(template) ? template['spec'] : undefined;
  const containers = isObject(pod) ? pod['containers'] : undefined;
  if (object.kind !== 'Deployment' || !isObject(spec) || !isObject(template) || !isObject(pod)) return object;
  if (!Array.isArray(containers)) return object;
  const named = containers.map((container: object) => ({ ...container, image }));
  return { ...object, spec: { ...spec, template: { ...template, spec: { ...pod, containers: named } } } };
}
