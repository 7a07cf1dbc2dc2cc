/**
 * Ingresses (with their v1beta1 form, in two groups), ingress classes, network policies, service CIDRs.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import { at, ensure, fill, listAt, objectAt, objectsAt, textAt, textsAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn, showSelector, textColumn } from '../columns.js';
import type { BuiltinFacts, Conversion } from '../define.js';
import { validateImmutable } from '../validation.js';

const { invalid, notSupported, required } = fieldErrors;

const group = 'networking.k8s.io';

/** `{serviceName, servicePort}` -> `{service: {name, port: {name | number}}}`. */
function newBackend(backend: JsonObject): JsonObject {
  const { serviceName, servicePort, ...rest } = backend;
  if (serviceName === undefined && servicePort === undefined) return rest;
  const port =
    typeof servicePort === 'string'
      ? { name: servicePort }
      : { number: typeof servicePort === 'number' ? servicePort : 0 };
  return { ...rest, service: { name: typeof serviceName === 'string' ? serviceName : '', port } };
}

function oldBackend(backend: JsonObject): JsonObject {
  const { service, ...rest } = backend;
  if (!isObject(service)) return rest;
  const name = textAt(service, 'port', 'name');
  return {
    ...rest,
    serviceName: textAt(service, 'name'),
    servicePort: name === '' ? (at(service, 'port', 'number') ?? 0) : name,
  };
}

function mapRules(spec: JsonObject, change: (backend: JsonObject) => JsonObject): JsonObject {
  if (!Array.isArray(spec['rules'])) return {};
  return {
    rules: objectsAt(spec, 'rules').map((rule) => {
      const { http } = rule;
      if (!isObject(http)) return rule;
      const paths = objectsAt(http, 'paths').map((path) => ({
        ...path,
        backend: change(objectAt(path, 'backend')),
      }));
      return { ...rule, http: { ...http, paths } };
    }),
  };
}

const oldIngress: Conversion = {
  toStorage(object) {
    const { backend, ...spec } = objectAt(object, 'spec');
    return {
      ...object,
      spec: {
        ...spec,
        ...(isObject(backend) && { defaultBackend: newBackend(backend) }),
        ...mapRules(spec, newBackend),
      },
    };
  },
  fromStorage(object) {
    const { defaultBackend, ...spec } = objectAt(object, 'spec');
    return {
      ...object,
      spec: {
        ...spec,
        ...(isObject(defaultBackend) && { backend: oldBackend(defaultBackend) }),
        ...mapRules(spec, oldBackend),
      },
    };
  },
};

/** The old versions took an absent path type for the controller's choice; v1 wants it said. */
function defaultPathTypes(object: KubeObject): void {
  for (const rule of objectsAt(object, 'spec', 'rules')) {
    for (const path of objectsAt(rule, 'http', 'paths')) fill(path, { pathType: 'ImplementationSpecific' });
  }
}

function isOldForm(object: KubeObject): boolean {
  return object.apiVersion !== `${group}/v1`;
}

function validateBackend(backend: JsonObject, field: string): FieldError[] {
  if (isObject(backend['resource'])) return [];
  if (Object.hasOwn(backend, 'serviceName')) {
    return textAt(backend, 'serviceName') === '' ? [required(`${field}.serviceName`)] : [];
  }
  if (!isObject(backend['service'])) return [required(field, 'either service or resource must be specified')];
  const errors: FieldError[] = [];
  if (textAt(backend, 'service', 'name') === '') errors.push(required(`${field}.service.name`));
  const port = objectAt(backend, 'service', 'port');
  if (textAt(port, 'name') === '' && (port['number'] ?? 0) === 0) {
    errors.push(required(`${field}.service.port`, 'port name or number is required'));
  }
  return errors;
}

const pathTypes = ['Exact', 'ImplementationSpecific', 'Prefix'];

function validateIngress(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const name = isOldForm(object) ? 'backend' : 'defaultBackend';
  const backend = at(object, 'spec', name);
  const rules = objectsAt(object, 'spec', 'rules');
  if (isObject(backend)) errors.push(...validateBackend(backend, `spec.${name}`));
  else if (rules.length === 0) {
    errors.push(invalid('spec', null, `either \`${name}\` or \`rules\` must be specified`));
  }
  rules.forEach((rule, ruleIndex) => {
    objectsAt(rule, 'http', 'paths').forEach((path, index) => {
      const field = `spec.rules[${ruleIndex}].http.paths[${index}]`;
      const type = textAt(path, 'pathType');
      const text = textAt(path, 'path');
      if (type === '') errors.push(required(`${field}.pathType`, 'pathType must be specified'));
      else if (!pathTypes.includes(type)) errors.push(notSupported(`${field}.pathType`, type, pathTypes));
      else if (type !== 'ImplementationSpecific' && !text.startsWith('/')) {
        errors.push(invalid(`${field}.path`, text, 'must be an absolute path'));
      }
      errors.push(...validateBackend(objectAt(path, 'backend'), `${field}.backend`));
    });
  });
  return errors;
}

const ingresses: BuiltinFacts = {
  group,
  resource: 'ingresses',
  kind: 'Ingress',
  shortNames: ['ing'],
  namespaced: true,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('Class', (object) => textAt(object, 'spec', 'ingressClassName') || '<none>'),
    textColumn('Hosts', (object) => {
      const hosts = objectsAt(object, 'spec', 'rules')
        .map((rule) => textAt(rule, 'host'))
        .filter((host) => host !== '');
      return hosts.length === 0
        ? '*'
        : hosts.length > 3
          ? `${hosts.slice(0, 3).join(',')} + ${hosts.length - 3} more...`
          : hosts.join(',');
    }),
    textColumn('Address', (object) =>
      objectsAt(object, 'status', 'loadBalancer', 'ingress')
        .map((one) => textAt(one, 'ip') || textAt(one, 'hostname'))
        .join(','),
    ),
    textColumn('Ports', (object) => (listAt(object, 'spec', 'tls').length > 0 ? '80, 443' : '80')),
    ageColumn,
  ],
  validate: validateIngress,
  conversions: { [`${group}/v1beta1`]: oldIngress, 'extensions/v1beta1': oldIngress },
  overrides: {
    [`${group}/v1beta1`]: { defaults: defaultPathTypes },
    'extensions/v1beta1': { defaults: defaultPathTypes },
  },
};

const ingressClasses: BuiltinFacts = {
  group,
  resource: 'ingressclasses',
  kind: 'IngressClass',
  namespaced: false,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    fieldColumn('Controller', ['spec', 'controller']),
    textColumn('Parameters', (object) => {
      const parameters = objectAt(object, 'spec', 'parameters');
      if (Object.keys(parameters).length === 0) return '<none>';
      const apiGroup = textAt(parameters, 'apiGroup');
      return `${textAt(parameters, 'kind')}${apiGroup === '' ? '' : `.${apiGroup}`}/${textAt(parameters, 'name')}`;
    }),
    ageColumn,
  ],
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.controller']),
};

const networkPolicies: BuiltinFacts = {
  group,
  resource: 'networkpolicies',
  kind: 'NetworkPolicy',
  shortNames: ['netpol'],
  namespaced: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('Pod-Selector', (object) => showSelector(at(object, 'spec', 'podSelector'))),
    ageColumn,
  ],
  defaults(object) {
    const spec = ensure(object, 'spec');
    if (textsAt(spec, 'policyTypes').length === 0) {
      spec['policyTypes'] = listAt(spec, 'egress').length > 0 ? ['Ingress', 'Egress'] : ['Ingress'];
    }
    for (const direction of ['ingress', 'egress']) {
      for (const rule of objectsAt(spec, direction)) {
        for (const port of objectsAt(rule, 'ports')) fill(port, { protocol: 'TCP' });
      }
    }
  },
};

const serviceCidrs: BuiltinFacts = {
  group,
  resource: 'servicecidrs',
  kind: 'ServiceCIDR',
  namespaced: false,
  hasStatus: true,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('CIDRs', (object) => textsAt(object, 'spec', 'cidrs').join(',')),
    ageColumn,
  ],
  validateUpdate: (object, old) => validateImmutable(object, old, ['spec.cidrs']),
};

const ipAddresses: BuiltinFacts = {
  group,
  resource: 'ipaddresses',
  kind: 'IPAddress',
  shortNames: ['ip'],
  namespaced: false,
  strategy: { tracksGeneration: true },
  columns: [
    nameColumn,
    textColumn('ParentRef', (object) => {
      const ref = objectAt(object, 'spec', 'parentRef');
      return ['resource', 'namespace', 'name']
        .map((key) => textAt(ref, key))
        .filter((part) => part !== '')
        .join('/');
    }),
    ageColumn,
  ],
};

export const networkingResources: readonly BuiltinFacts[] = [
  ingresses,
  ingressClasses,
  networkPolicies,
  serviceCidrs,
  ipAddresses,
];
