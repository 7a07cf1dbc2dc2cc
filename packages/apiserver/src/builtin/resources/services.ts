/**
 * Services, Endpoints and EndpointSlices. Addresses and node ports come from the allocator that the server's owner
 * passes; without one a Service gets none, as in a hub, where no traffic flows.
 */
import { type FieldError, fieldErrors, isObject, type JsonObject, type KubeObject } from '@flotilla/api';
import type { WriteContext } from '../../registry/resource.js';
import { at, ensure, fill, listAt, numberAt, objectAt, objectsAt, textAt, textsAt } from '../access.js';
import { ageColumn, fieldColumn, nameColumn, showFirst, showLabels, textColumn } from '../columns.js';
import type { BuiltinFacts, Conversion, ServiceNetwork } from '../define.js';
import { validateImmutable } from '../validation.js';

const { forbidden, invalid, required } = fieldErrors;

function defaultService(object: KubeObject): void {
  const spec = ensure(object, 'spec');
  fill(spec, { type: 'ClusterIP', sessionAffinity: 'None' });
  const type = textAt(spec, 'type');
  if (spec['sessionAffinity'] === 'ClientIP') {
    fill(ensure(ensure(spec, 'sessionAffinityConfig'), 'clientIP'), { timeoutSeconds: 10_800 });
  }
  for (const port of objectsAt(spec, 'ports')) {
    fill(port, { protocol: 'TCP' });
    const target = port['targetPort'];
    if (target === undefined || target === null || target === 0 || target === '')
      port['targetPort'] = port['port'];
  }
  if (type === 'ExternalName') return;
  fill(spec, { internalTrafficPolicy: 'Cluster', ipFamilyPolicy: 'SingleStack' });
  if (type === 'NodePort' || type === 'LoadBalancer') fill(spec, { externalTrafficPolicy: 'Cluster' });
  if (type === 'LoadBalancer') spec['allocateLoadBalancerNodePorts'] ??= true;
  const ip = textAt(spec, 'clusterIP');
  if (ip !== '' && listAt(spec, 'clusterIPs').length === 0) spec['clusterIPs'] = [ip];
  if (listAt(spec, 'ipFamilies').length === 0) spec['ipFamilies'] = [ip.includes(':') ? 'IPv6' : 'IPv4'];
}

async function allocate(
  object: KubeObject,
  network: ServiceNetwork | undefined,
  { dryRun, nowMs }: WriteContext,
): Promise<void> {
  const spec = objectAt(object, 'spec');
  const type = textAt(spec, 'type');
  if (network === undefined || type === 'ExternalName') return;
  const asked = textAt(spec, 'clusterIP');
  if (asked !== 'None') {
    const ip = await network.allocateIp({ ...(asked !== '' && { requested: asked }), dryRun, nowMs });
    spec['clusterIP'] = ip;
    spec['clusterIPs'] = [ip];
  }
  if (type !== 'NodePort' && (type !== 'LoadBalancer' || spec['allocateLoadBalancerNodePorts'] === false))
    return;
  for (const port of objectsAt(spec, 'ports')) {
    const requested = numberAt(port, 'nodePort');
    port['nodePort'] = await network.allocateNodePort({ ...(requested > 0 && { requested }), dryRun, nowMs });
  }
}

/** Carries addresses over that an update left out, and finds new ones where the type now wants them. */
async function reallocate(
  object: KubeObject,
  old: KubeObject,
  { network, context }: { network: ServiceNetwork | undefined; context: WriteContext },
): Promise<void> {
  const { dryRun, nowMs } = context;
  const spec = objectAt(object, 'spec');
  const before = objectAt(old, 'spec');
  if (textAt(spec, 'type') === 'ExternalName') return;
  if (textAt(spec, 'clusterIP') === '' && textAt(before, 'clusterIP') !== '') {
    spec['clusterIP'] = before['clusterIP'];
    spec['clusterIPs'] = before['clusterIPs'];
  }
  const known = objectsAt(before, 'ports');
  const wantsPorts = ['NodePort', 'LoadBalancer'].includes(textAt(spec, 'type'));
  for (const port of objectsAt(spec, 'ports')) {
    if (!wantsPorts || numberAt(port, 'nodePort') > 0) continue;
    const same = known.find((one) => one['port'] === port['port'] && one['protocol'] === port['protocol']);
    if (same !== undefined && numberAt(same, 'nodePort') > 0) port['nodePort'] = same['nodePort'];
    else if (network !== undefined) port['nodePort'] = await network.allocateNodePort({ dryRun, nowMs });
  }
  if (textAt(spec, 'clusterIP') === '' && network !== undefined) {
    const ip = await network.allocateIp({ dryRun, nowMs });
    spec['clusterIP'] = ip;
    spec['clusterIPs'] = [ip];
  }
}

function validateService(object: KubeObject): FieldError[] {
  const errors: FieldError[] = [];
  const spec = objectAt(object, 'spec');
  const type = textAt(spec, 'type');
  const ports = objectsAt(spec, 'ports');
  const headless = textAt(spec, 'clusterIP') === 'None';
  if (type === 'ExternalName') {
    if (textAt(spec, 'externalName') === '') errors.push(required('spec.externalName'));
    if (headless)
      errors.push(forbidden('spec.clusterIPs[0]', "may not be set when `type` is 'ExternalName'"));
  } else if (ports.length === 0 && !headless) {
    errors.push(required('spec.ports'));
  }
  if (headless && (type === 'NodePort' || type === 'LoadBalancer')) {
    errors.push(invalid('spec.clusterIPs[0]', 'None', `may not be set to 'None' for ${type} services`));
  }
  ports.forEach((port, index) => {
    const field = `spec.ports[${index}]`;
    if (ports.length > 1 && textAt(port, 'name') === '') errors.push(required(`${field}.name`));
    const number = numberAt(port, 'port');
    if (number < 1 || number > 65_535) {
      errors.push(invalid(`${field}.port`, number, 'must be between 1 and 65535, inclusive'));
    }
    const twin = ports.findIndex(
      (one) => one['port'] === port['port'] && one['protocol'] === port['protocol'],
    );
    if (twin < index) {
      errors.push({
        field,
        reason: 'FieldValueDuplicate',
        message: `Duplicate value: ${JSON.stringify({ port: port['port'], protocol: port['protocol'] })}`,
      });
    }
  });
  return errors;
}

function validateServiceUpdate(object: KubeObject, old: KubeObject): FieldError[] {
  const kept = textAt(old, 'spec', 'clusterIP');
  if (kept === '' || textAt(old, 'spec', 'type') === 'ExternalName') return [];
  if (textAt(object, 'spec', 'type') === 'ExternalName') return [];
  if (textAt(object, 'spec', 'clusterIP') === kept) return [];
  return [invalid('spec.clusterIPs[0]', [textAt(object, 'spec', 'clusterIP')], 'may not change once set')];
}

function externalIp(object: KubeObject): string {
  const type = textAt(object, 'spec', 'type');
  const ips = textsAt(object, 'spec', 'externalIPs');
  if (type === 'ExternalName') return textAt(object, 'spec', 'externalName');
  const ingress = objectsAt(object, 'status', 'loadBalancer', 'ingress').map(
    (one) => textAt(one, 'ip') || textAt(one, 'hostname'),
  );
  const all = type === 'LoadBalancer' ? [...ingress, ...ips] : ips;
  if (all.length > 0) return all.join(',');
  return type === 'LoadBalancer' ? '<pending>' : '<none>';
}

function portsText(object: KubeObject): string {
  const ports = objectsAt(object, 'spec', 'ports').map((port) => {
    const node = numberAt(port, 'nodePort');
    return `${numberAt(port, 'port')}${node > 0 ? `:${node}` : ''}/${textAt(port, 'protocol')}`;
  });
  return ports.length === 0 ? '<none>' : ports.join(',');
}

/** Services, with the given allocator. */
export function services(network: ServiceNetwork | undefined): BuiltinFacts {
  return {
    group: '',
    resource: 'services',
    kind: 'Service',
    shortNames: ['svc'],
    categories: ['all'],
    namespaced: true,
    hasStatus: true,
    strategy: { nameRule: 'label', deleteReturnsObject: true, allowCreateOnUpdate: true },
    selectableFields: {
      'spec.clusterIP': (object) => textAt(object, 'spec', 'clusterIP'),
      'spec.type': (object) => textAt(object, 'spec', 'type'),
    },
    columns: [
      nameColumn,
      fieldColumn('Type', ['spec', 'type']),
      textColumn('Cluster-IP', (object) => textAt(object, 'spec', 'clusterIP') || '<none>'),
      textColumn('External-IP', externalIp),
      textColumn('Port(s)', portsText),
      ageColumn,
      textColumn('Selector', (object) => showLabels(at(object, 'spec', 'selector')), { wide: true }),
    ],
    defaults: defaultService,
    async create(object, context) {
      object['status'] = { loadBalancer: {} };
      await allocate(object, network, context);
    },
    update: (object, old, context) => reallocate(object, old, { network, context }),
    validate: validateService,
    validateUpdate: validateServiceUpdate,
  };
}

function endpointsText(object: KubeObject): string {
  const addresses = objectsAt(object, 'subsets').flatMap((subset) => {
    const ports = objectsAt(subset, 'ports');
    return objectsAt(subset, 'addresses').flatMap((address) =>
      ports.length === 0
        ? [textAt(address, 'ip')]
        : ports.map((port) => `${textAt(address, 'ip')}:${numberAt(port, 'port')}`),
    );
  });
  return showFirst(addresses);
}

const endpoints: BuiltinFacts = {
  group: '',
  resource: 'endpoints',
  kind: 'Endpoints',
  singular: 'endpoints',
  shortNames: ['ep'],
  namespaced: true,
  strategy: { allowCreateOnUpdate: true },
  columns: [nameColumn, textColumn('Endpoints', endpointsText), ageColumn],
  defaults(object) {
    for (const subset of objectsAt(object, 'subsets')) {
      for (const port of objectsAt(subset, 'ports')) fill(port, { protocol: 'TCP' });
    }
  },
};

const zoneKey = 'topology.kubernetes.io/zone';
const hostKey = 'kubernetes.io/hostname';

/** v1beta1 kept node and zone in one map. */
const oldSlices: Conversion = {
  toStorage: (object) => ({
    ...object,
    endpoints: objectsAt(object, 'endpoints').map((endpoint) => {
      const { topology, ...rest } = endpoint;
      if (!isObject(topology)) return rest;
      const { [zoneKey]: zone, [hostKey]: host, ...others } = topology;
      const out: JsonObject = { ...rest };
      if (Object.keys(others).length > 0) out['deprecatedTopology'] = others;
      if (typeof zone === 'string') out['zone'] = zone;
      if (typeof host === 'string') out['nodeName'] ??= host;
      return out;
    }),
  }),
  fromStorage: (object) => ({
    ...object,
    endpoints: objectsAt(object, 'endpoints').map((endpoint) => {
      const { deprecatedTopology, zone, ...rest } = endpoint;
      const topology: JsonObject = { ...(isObject(deprecatedTopology) ? deprecatedTopology : {}) };
      if (typeof zone === 'string') topology[zoneKey] = zone;
      if (typeof rest['nodeName'] === 'string') topology[hostKey] = rest['nodeName'];
      return Object.keys(topology).length === 0 ? rest : { ...rest, topology };
    }),
  }),
};

const endpointSlices: BuiltinFacts = {
  group: 'discovery.k8s.io',
  resource: 'endpointslices',
  kind: 'EndpointSlice',
  namespaced: true,
  strategy: { tracksGeneration: true, allowCreateOnUpdate: true },
  columns: [
    nameColumn,
    fieldColumn('AddressType', ['addressType']),
    textColumn('Ports', (object) => {
      const ports = objectsAt(object, 'ports').map((port) => String(port['port'] ?? '*'));
      return ports.length === 0 ? '<unset>' : showFirst(ports);
    }),
    textColumn('Endpoints', (object) => {
      const addresses = objectsAt(object, 'endpoints').flatMap((endpoint) => textsAt(endpoint, 'addresses'));
      return addresses.length === 0 ? '<unset>' : showFirst(addresses);
    }),
    ageColumn,
  ],
  defaults(object) {
    for (const port of objectsAt(object, 'ports')) {
      port['name'] ??= '';
      fill(port, { protocol: 'TCP' });
    }
  },
  validate: (object) => (textAt(object, 'addressType') === '' ? [required('addressType')] : []),
  validateUpdate: (object, old) => validateImmutable(object, old, ['addressType']),
  conversions: { 'discovery.k8s.io/v1beta1': oldSlices },
};

export const endpointResources: readonly BuiltinFacts[] = [endpoints, endpointSlices];
