/** Objects that tests of the API server write. */

/** A ConfigMap without a namespace: the URL says where. */
export function configMap(name: string, data: object = { k: 'v' }, metadata: object = {}) {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, ...metadata }, data };
}

export function deployment(name: string, spec: object = {}, metadata: object = {}) {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name, ...metadata },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: name } },
      template: {
        metadata: { labels: { app: name } },
        spec: { containers: [{ name: 'main', image: 'nginx:1', ports: [{ containerPort: 80 }] }] },
      },
      ...spec,
    },
  };
}

export const widgetGroup = 'demo.flotilla.dev';

/** A CRD `<plural>.demo.flotilla.dev` with status, scale and a list of each type. */
export function widgetCrd(plural: string, { version = {}, spec = {}, names = {} }: CrdParts = {}) {
  const singular = plural.replace(/s$/, '');
  const kind = singular.charAt(0).toUpperCase() + singular.slice(1);
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${widgetGroup}` },
    spec: {
      group: widgetGroup,
      names: { plural, singular, kind, listKind: `${kind}List`, ...names },
      scope: 'Namespaced',
      versions: [
        {
          name: 'v1',
          served: true,
          storage: true,
          subresources: {
            status: {},
            scale: {
              specReplicasPath: '.spec.replicas',
              statusReplicasPath: '.status.replicas',
              labelSelectorPath: '.status.selector',
            },
          },
          schema: { openAPIV3Schema: widgetSchema },
          ...version,
        },
      ],
      ...spec,
    },
  };
}

interface CrdParts {
  readonly version?: object;
  readonly spec?: object;
  readonly names?: object;
}

export const widgetSchema = {
  type: 'object',
  properties: {
    spec: {
      type: 'object',
      description: 'What the widget is to be.',
      properties: {
        size: { type: 'integer', minimum: 1, maximum: 100 },
        color: { type: 'string', enum: ['red', 'blue'] },
        replicas: { type: 'integer', default: 1 },
        note: { type: 'string', nullable: true },
        tags: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } },
        parts: {
          type: 'array',
          'x-kubernetes-list-type': 'map',
          'x-kubernetes-list-map-keys': ['name'],
          items: {
            type: 'object',
            required: ['name'],
            properties: { name: { type: 'string' }, count: { type: 'integer' } },
          },
        },
        steps: { type: 'array', items: { type: 'string' } },
        free: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
      },
    },
    status: {
      type: 'object',
      properties: {
        phase: { type: 'string' },
        replicas: { type: 'integer' },
        selector: { type: 'string' },
        conditions: {
          type: 'array',
          items: {
            type: 'object',
            properties: { type: { type: 'string' }, status: { type: 'string' } },
          },
        },
      },
    },
  },
};

export function widget(kind: string, name: string, spec: object = {}, metadata: object = {}) {
  return { apiVersion: `${widgetGroup}/v1`, kind, metadata: { name, ...metadata }, spec };
}

export const crdPath = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions';

export function widgetPath(namespace: string, plural: string, name = ''): string {
  const collection = `/apis/${widgetGroup}/v1/namespaces/${namespace}/${plural}`;
  return name === '' ? collection : `${collection}/${name}`;
}

export function configMaps(namespace: string, name = ''): string {
  const collection = `/api/v1/namespaces/${namespace}/configmaps`;
  return name === '' ? collection : `${collection}/${name}`;
}

export const rbac = '/apis/rbac.authorization.k8s.io/v1';
const rbacGroup = 'rbac.authorization.k8s.io';

export function role(rules: readonly object[], name = 'r') {
  return { apiVersion: `${rbacGroup}/v1`, kind: 'Role', metadata: { name }, rules };
}

/** Of a role to a user. */
export function roleBinding(user: string, kind = 'Role', name = 'r') {
  return {
    apiVersion: `${rbacGroup}/v1`,
    kind: 'RoleBinding',
    metadata: { name: `${user}-${name}` },
    roleRef: { apiGroup: rbacGroup, kind, name },
    subjects: [{ apiGroup: rbacGroup, kind: 'User', name: user }],
  };
}
