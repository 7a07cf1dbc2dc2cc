import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { serviceAddresses } from './service-endpoints.js';

const service = (spec: object): KubeObject => ({
  apiVersion: 'v1',
  kind: 'Service',
  metadata: { name: 'hook', namespace: 'apps' },
  spec,
});

function slice(endpoints: readonly object[], ports: readonly object[], name = 'hook'): KubeObject {
  const labels = { 'kubernetes.io/service-name': name };
  return {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSlice',
    metadata: { name: 'x', namespace: 'apps', labels },
    endpoints,
    ports,
  };
}

function addresses(objects: {
  service?: KubeObject;
  endpoints?: KubeObject;
  slices?: readonly KubeObject[];
}): readonly string[] {
  const reader = {
    get: (_group: string, resource: string) =>
      resource === 'services' ? objects.service : objects.endpoints,
    list: () => objects.slices ?? [],
  };
  return serviceAddresses(reader, { namespace: 'apps', name: 'hook', port: 443 }).map(
    ({ host, port }) => `${host}:${port}`,
  );
}

describe('addresses of a Service', () => {
  const plain = service({ ports: [{ port: 443, targetPort: 8443 }] });

  it('are those of its ready endpoints, at the port of the same name', () => {
    const named = service({
      ports: [
        { name: 'https', port: 443 },
        { name: 'metrics', port: 9090 },
      ],
    });
    const ports = [
      { name: 'metrics', port: 1 },
      { name: 'https', port: 8443 },
    ];
    const endpoints = [
      { addresses: ['10.0.0.1'], conditions: { ready: true } },
      { addresses: ['10.0.0.2'], conditions: { ready: false } },
      { addresses: ['10.0.0.3'] },
    ];
    expect(addresses({ service: named, slices: [slice(endpoints, ports)] })).to.deep.equal([
      '10.0.0.1:8443',
      '10.0.0.3:8443',
    ]);
  });

  it('are taken from Endpoints where there are no slices of its own', () => {
    const endpoints: KubeObject = {
      apiVersion: 'v1',
      kind: 'Endpoints',
      metadata: { name: 'hook', namespace: 'apps' },
      subsets: [
        { addresses: [{ ip: '10.0.0.9' }], notReadyAddresses: [{ ip: '10.0.0.8' }], ports: [{ port: 7 }] },
      ],
    };
    const foreign = slice([{ addresses: ['10.0.0.1'] }], [{ port: 1 }], 'other');
    expect(addresses({ service: plain, endpoints, slices: [foreign] })).to.deep.equal(['10.0.0.9:7']);
  });

  it('are the name itself for an ExternalName', () => {
    const external = service({ type: 'ExternalName', externalName: 'hooks.example.com' });
    expect(addresses({ service: external })).to.deep.equal(['hooks.example.com:443']);
  });

  it('are missed in the words of the reference', () => {
    expect(() => addresses({})).to.throw('service "hook" not found');
    expect(() => addresses({ service: plain })).to.throw('no endpoints available for service "hook"');
    expect(() => addresses({ service: service({ ports: [{ port: 80 }] }) })).to.throw(
      'no service port 443 found for service "hook"',
    );
  });
});
