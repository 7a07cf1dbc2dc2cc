import { isObject } from '@flotilla/api';
import { expect } from 'chai';
import { at, objectAt } from '../builtin/access.js';
import { builtinResources } from '../builtin/builtin-resources.js';
import { readFields } from '../protobuf/wire.js';
import type { ResourceDefinition } from '../registry/resource.js';
import type { ApiRequest, ApiResponse } from '../server/handler.js';
import { createOpenApiHandler, type OpenApiSource } from './handler.js';
import { buildOpenApiV2, encodeOpenApiV2 } from './v2.js';
import { buildOpenApiV3 } from './v3.js';

const definitions = builtinResources({ profile: 'cluster', kubernetesVersion: { major: 1, minor: 35 } });

const widget: ResourceDefinition = {
  group: 'example.com',
  version: 'v1',
  resource: 'widgets',
  singular: 'widget',
  kind: 'Widget',
  listKind: 'WidgetList',
  namespaced: true,
  shortNames: [],
  categories: [],
  verbs: ['get', 'list', 'patch', 'create'],
  origin: 'crd',
  columns: [],
  strategy: {
    tracksGeneration: true,
    allowCreateOnUpdate: false,
    allowUnconditionalUpdate: false,
    deleteReturnsObject: false,
    nameRule: 'subdomain',
  },
  hasStatus: false,
  subresources: [],
  selectableFields: {},
  storageVersion: 'v1',
  schema: {
    type: 'object',
    properties: {
      spec: {
        type: 'object',
        nullable: true,
        properties: {
          any: {
            type: 'object',
            'x-kubernetes-preserve-unknown-fields': true,
            properties: { a: { type: 'string' } },
          },
        },
      },
    },
  },
};

function refsIn(value: unknown, refs: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value) refsIn(item, refs);
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      if (key === '$ref' && typeof value[key] === 'string') refs.add(value[key]);
      else refsIn(value[key], refs);
    }
  }
  return refs;
}

function keysIn(value: unknown, keys: Set<string> = new Set()): Set<string> {
  if (Array.isArray(value)) for (const item of value) keysIn(item, keys);
  else if (isObject(value)) {
    for (const key of Object.keys(value)) {
      keys.add(key);
      keysIn(value[key], keys);
    }
  }
  return keys;
}

describe('buildOpenApiV3', () => {
  const groupVersions = [...new Map(definitions.map((one) => [`${one.group}/${one.version}`, one])).values()];
  for (const { group, version } of groupVersions) {
    const document = buildOpenApiV3(definitions, { group, version });

    it(`has every component that ${group}/${version} refers to`, () => {
      const names = Object.keys(objectAt(document, 'components', 'schemas'));
      const missing = [...refsIn(document)].filter(
        (ref) => !names.includes(ref.replace('#/components/schemas/', '')),
      );
      expect(missing).to.deep.equal([]);
    });

    it(`has a PATCH with fieldValidation and its kind for every writable kind of ${group}/${version}`, () => {
      const items = Object.values(objectAt(document, 'paths'));
      const own = definitions.filter((one) => one.group === group && one.version === version);
      for (const { kind, verbs } of own) {
        if (!verbs.includes('patch')) continue;
        const found = items.some((item) => {
          const patch = objectAt(item, 'patch');
          const parameters = patch['parameters'];
          const names = Array.isArray(parameters) ? parameters.map((one) => at(one, 'name')) : [];
          return (
            at(patch, 'x-kubernetes-group-version-kind', 'kind') === kind && names.includes('fieldValidation')
          );
        });
        expect(found, kind).to.equal(true);
      }
    });

    it(`tells nothing of our own extensions in ${group}/${version}`, () => {
      expect([...keysIn(document)].filter((key) => key.startsWith('x-flotilla'))).to.deep.equal([]);
    });
  }

  it('carries merge keys and required fields', () => {
    const document = buildOpenApiV3(definitions, { group: 'apps', version: 'v1' });
    const pod = objectAt(document, 'components', 'schemas', 'io.k8s.api.core.v1.PodSpec');
    expect(objectAt(pod, 'properties', 'containers')).to.include({
      'x-kubernetes-patch-merge-key': 'name',
      'x-kubernetes-patch-strategy': 'merge',
    });
    expect(pod['required']).to.deep.equal(['containers']);
    const spec = objectAt(document, 'components', 'schemas', 'io.k8s.api.apps.v1.DeploymentSpec');
    expect(objectAt(spec, 'properties', 'strategy')['x-kubernetes-patch-strategy']).to.equal('retainKeys');
  });

  it('names a CRD by its reversed group and gives it ObjectMeta', () => {
    const document = buildOpenApiV3([widget], widget);
    const schema = objectAt(document, 'components', 'schemas', 'com.example.v1.Widget');
    expect(schema['x-kubernetes-group-version-kind']).to.deep.equal([
      { group: 'example.com', version: 'v1', kind: 'Widget' },
    ]);
    expect(at(schema, 'properties', 'metadata', '$ref')).to.match(/v1\.ObjectMeta$/);
    const patch = at(
      document,
      'paths',
      '/apis/example.com/v1/namespaces/{namespace}/widgets/{name}',
      'patch',
      'requestBody',
      'content',
    );
    expect(Object.keys(patch as object)).not.to.include('application/strategic-merge-patch+json');
  });
});

describe('buildOpenApiV2', () => {
  it('leaves out what Swagger 2 does not know', () => {
    const document = buildOpenApiV2([widget, ...definitions]);
    const keys = keysIn(objectAt(document, 'definitions'));
    for (const key of ['nullable', 'oneOf', 'anyOf']) expect(keys.has(key), key).to.equal(false);
    const any = objectAt(
      document,
      'definitions',
      'com.example.v1.Widget',
      'properties',
      'spec',
      'properties',
      'any',
    );
    expect(any).not.to.have.property('properties');
  });

  it('encodes a document whose paths can be read back', () => {
    const names: string[] = [];
    readFields(encodeOpenApiV2([widget]), (field, value) => {
      if (field !== 8 || value.wire !== 'bytes') return;
      readFields(value.value, (_, item) => {
        if (item.wire !== 'bytes') return;
        readFields(item.value, (part, name) => {
          if (part === 1 && name.wire === 'bytes') names.push(name.value.toString());
        });
      });
    });
    expect(names).to.deep.equal(['/apis/example.com/v1/namespaces/{namespace}/widgets/{name}']);
  });
});

class FakeSource implements OpenApiSource {
  generation = 1;
  crds: readonly ResourceDefinition[] = [];

  groups(): readonly { group: string; versions: readonly string[] }[] {
    const core = { group: '', versions: ['v1'] };
    return this.crds.length === 0 ? [core] : [core, { group: 'example.com', versions: ['v1'] }];
  }

  list(group: string, version: string): readonly ResourceDefinition[] {
    return [...definitions, ...this.crds].filter((one) => one.group === group && one.version === version);
  }
}

function get(path: string, options: { accept?: string; etag?: string } = {}): ApiRequest {
  const [pathname = '', query = ''] = path.split('?');
  return {
    method: 'GET',
    path: pathname,
    query: new URLSearchParams(query),
    headers: { accept: options.accept ?? 'application/json', 'if-none-match': options.etag },
    body: new Uint8Array(),
    signal: new AbortController().signal,
    remoteAddress: '127.0.0.1',
    clientCertificates: [],
  };
}

function json(response: ApiResponse | undefined): Record<string, unknown> {
  const body = response?.body;
  return body instanceof Uint8Array ? JSON.parse(Buffer.from(body).toString()) : {};
}

describe('createOpenApiHandler', () => {
  it('gives documents under their hash for ever, and redirects from an old one', () => {
    const handler = createOpenApiHandler(new FakeSource());
    const url = String(at(json(handler.handle(get('/openapi/v3'))), 'paths', 'api/v1', 'serverRelativeURL'));
    expect(handler.handle(get(url))?.headers['cache-control']).to.match(/immutable/);
    const moved = handler.handle(get('/openapi/v3/api/v1?hash=OLD'));
    expect(moved?.status).to.equal(301);
    expect(moved?.headers['location']).to.equal(url);
    const etag = String(handler.handle(get(url))?.headers['etag']);
    expect(handler.handle(get(url, { etag }))?.status).to.equal(304);
  });

  it('publishes a CRD when it comes, and leaves the other documents as they are', () => {
    const source = new FakeSource();
    const handler = createOpenApiHandler(source);
    const before = json(handler.handle(get('/openapi/v3')));
    expect(handler.handle(get('/openapi/v3/apis/example.com/v1'))).to.equal(undefined);
    source.crds = [widget];
    source.generation++;
    const after = json(handler.handle(get('/openapi/v3')));
    expect(at(after, 'paths', 'api/v1')).to.deep.equal(at(before, 'paths', 'api/v1'));
    expect(handler.handle(get('/openapi/v3/apis/example.com/v1'))?.status).to.equal(200);
  });

  it('answers v2 in protobuf without the sign that is no media type', () => {
    const handler = createOpenApiHandler(new FakeSource());
    const accept = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
    expect(handler.handle(get('/openapi/v2', { accept }))?.headers['content-type']).to.equal(
      'application/com.github.proto-openapi.spec.v2.v1.0+protobuf',
    );
    expect(json(handler.handle(get('/openapi/v2')))['swagger']).to.equal('2.0');
  });
});
