import { hasReason, type KubeObject, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { createTestEnv } from '../testing/test-env.js';
import type { KubeClient, ResourceRef } from './client.js';
import { createClient } from './kube-client.js';
import { patchStatus } from './patch-status.js';
import type { Transport, TransportError, TransportRequest } from './transport.js';
import { readWatchStream } from './watch-stream.js';

const configMaps: ResourceRef = { group: '', version: 'v1', resource: 'configmaps', namespaced: true };
const clusters: ResourceRef = {
  group: 'cluster.open-cluster-management.io',
  version: 'v1',
  resource: 'managedclusters',
  namespaced: false,
};
const configMap: KubeObject = {
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'ns' },
};

interface Answer {
  readonly status?: number;
  readonly headers?: Record<string, string>;
  readonly body?: unknown;
}

/** Records requests and gives one prepared answer. */
function fakeTransport(answer: Answer = {}): Transport & { readonly requests: TransportRequest[] } {
  const requests: TransportRequest[] = [];
  const { status = 200, headers = {}, body = {} } = answer;
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    requests,
    request: async (request) => {
      requests.push(request);
      return {
        status,
        headers,
        bytes: async () => bytes,
        chunks: async function* () {
          yield bytes;
        },
      };
    },
    close: async () => undefined,
  };
}

describe('kube client', () => {
  const calls: {
    readonly name: string;
    readonly call: (client: KubeClient) => Promise<unknown>;
    readonly sends: string;
    readonly body?: unknown;
    readonly headers?: Record<string, unknown>;
    readonly answer?: Answer;
  }[] = [
    {
      name: 'get in a namespace',
      call: (client) => client.get(configMaps, { namespace: 'ns', name: 'a' }),
      sends: 'GET /api/v1/namespaces/ns/configmaps/a',
    },
    {
      name: 'get of a cluster-scoped subresource',
      call: (client) => client.get(clusters, { name: 'c:1' }, { subresource: 'status' }),
      sends: 'GET /apis/cluster.open-cluster-management.io/v1/managedclusters/c%3A1/status',
    },
    {
      name: 'list of a page over all namespaces',
      call: (client) =>
        client.list(configMaps, {
          labelSelector: 'a=b,c in (d,e)',
          limit: 5,
          continue: 'x=',
          resourceVersion: '0',
        }),
      sends:
        'GET /api/v1/configmaps?labelSelector=a%3Db%2Cc%20in%20(d%2Ce)&limit=5&continue=x%3D&resourceVersion=0',
      answer: { body: { kind: 'ConfigMapList', apiVersion: 'v1', metadata: {}, items: [] } },
    },
    {
      name: 'list of metadata only',
      call: (client) => client.list(configMaps, { namespace: 'ns', metadataOnly: true }),
      sends: 'GET /api/v1/namespaces/ns/configmaps',
      headers: {
        accept: 'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1,application/json',
      },
      answer: {
        body: { kind: 'PartialObjectMetadataList', apiVersion: 'meta.k8s.io/v1', metadata: {}, items: [] },
      },
    },
    {
      name: 'create where the object says',
      call: (client) => client.create(configMaps, configMap, { fieldManager: 'me', dryRun: true }),
      sends: 'POST /api/v1/namespaces/ns/configmaps?fieldManager=me&dryRun=All',
      body: configMap,
      headers: { 'content-type': 'application/json' },
    },
    {
      name: 'create of a subresource',
      call: (client) =>
        client.create(
          { ...configMaps, resource: 'serviceaccounts' },
          { apiVersion: 'v1', kind: 'TokenRequest', metadata: { namespace: 'ns' } },
          { subresource: 'token', name: 'agent' },
        ),
      sends: 'POST /api/v1/namespaces/ns/serviceaccounts/agent/token',
    },
    {
      name: 'update of a status',
      call: (client) =>
        client.update(configMaps, configMap, { subresource: 'status', fieldValidation: 'Strict' }),
      sends: 'PUT /api/v1/namespaces/ns/configmaps/a/status?fieldValidation=Strict',
      body: configMap,
    },
    {
      name: 'patch of the status of an object that was read',
      call: (client) =>
        patchStatus(client, {
          resource: configMaps,
          object: { metadata: { ...configMap.metadata, uid: 'u', resourceVersion: '7', labels: { a: 'b' } } },
          status: { phase: 'Active' },
          fieldManager: 'me',
        }),
      sends: 'PATCH /api/v1/namespaces/ns/configmaps/a/status?fieldManager=me',
      body: { metadata: { uid: 'u', resourceVersion: '7' }, status: { phase: 'Active' } },
      headers: { 'content-type': 'application/merge-patch+json' },
    },
    {
      name: 'patch of a status outside of namespaces, whatever the object says',
      call: (client) =>
        patchStatus(client, {
          resource: clusters,
          object: { metadata: { name: 'c', namespace: 'ns' } },
          status: {},
        }),
      sends: 'PATCH /apis/cluster.open-cluster-management.io/v1/managedclusters/c/status',
      body: { metadata: {}, status: {} },
    },
    ...(['json', 'merge', 'strategic', 'apply'] as const).map((type) => ({
      name: `${type} patch`,
      call: (client: KubeClient) =>
        client.patch(
          configMaps,
          { namespace: 'ns', name: 'a' },
          { type, body: { x: 1 }, ...(type === 'apply' && { force: true, fieldManager: 'me' }) },
        ),
      sends: `PATCH /api/v1/namespaces/ns/configmaps/a${type === 'apply' ? '?fieldManager=me&force=true' : ''}`,
      body: { x: 1 },
      headers: {
        'content-type': {
          json: 'application/json-patch+json',
          merge: 'application/merge-patch+json',
          strategic: 'application/strategic-merge-patch+json',
          apply: 'application/apply-patch+yaml',
        }[type],
      },
    })),
    {
      name: 'delete with preconditions',
      call: (client) =>
        client.delete(
          configMaps,
          { namespace: 'ns', name: 'a' },
          { propagationPolicy: 'Foreground', preconditions: { uid: 'u' }, gracePeriodSeconds: 0 },
        ),
      sends: 'DELETE /api/v1/namespaces/ns/configmaps/a',
      body: {
        kind: 'DeleteOptions',
        apiVersion: 'v1',
        propagationPolicy: 'Foreground',
        gracePeriodSeconds: 0,
        preconditions: { uid: 'u' },
      },
    },
    {
      name: 'calls of another user',
      call: (client) =>
        client.impersonate('system:x', ['a', 'b']).get(configMaps, { namespace: 'ns', name: 'a' }),
      sends: 'GET /api/v1/namespaces/ns/configmaps/a',
      headers: { 'impersonate-user': 'system:x', 'impersonate-group': ['a', 'b'] },
    },
  ];
  for (const { name, call, sends, body, headers = {}, answer } of calls) {
    it(`sends a ${name}`, async () => {
      const transport = fakeTransport(answer);
      await call(createClient(transport, { userAgent: 'test' }));
      const [request] = transport.requests;
      expect(`${request?.method} ${request?.path}`).to.equal(sends);
      expect(request?.headers).to.deep.include({ 'user-agent': 'test', ...headers });
      if (body !== undefined) expect(JSON.parse(String(request?.body))).to.deep.equal(body);
      expect(request?.timeoutMs).to.equal(30_000);
    });
  }

  it('fills in the type that lists of built-in kinds leave out of their items', async () => {
    const body = {
      kind: 'ConfigMapList',
      apiVersion: 'v1',
      metadata: {},
      items: [{ metadata: { name: 'a' } }],
    };
    const list = await createClient(fakeTransport({ body })).list(configMaps);
    expect(list.items).to.deep.equal([{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' } }]);
  });

  it('takes null items for none', async () => {
    const body = { kind: 'ConfigMapList', apiVersion: 'v1', metadata: {}, items: null };
    expect((await createClient(fakeTransport({ body })).list(configMaps)).items).to.deep.equal([]);
  });

  it('reports warnings', async () => {
    const warnings: string[] = [];
    const headers = { warning: '299 - "unknown field \\"spec.x\\"", 299 - "use v2, please"' };
    const client = createClient(fakeTransport({ headers }), { onWarning: (text) => warnings.push(text) });
    await client.get(configMaps, { namespace: 'ns', name: 'a' });
    expect(warnings).to.deep.equal(['unknown field "spec.x"', 'use v2, please']);
  });

  describe('throws what the server meant:', () => {
    const status = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      message: 'configmaps "a" not found',
      reason: 'NotFound',
      details: { name: 'a', kind: 'configmaps' },
      code: 404,
    };
    const failures: { readonly name: string; readonly answer: Answer; readonly expected: object }[] = [
      {
        name: 'a Status',
        answer: { status: 404, body: status },
        expected: { code: 404, reason: 'NotFound', message: 'configmaps "a" not found' },
      },
      {
        name: 'plain text',
        answer: { status: 404, body: '404 page not found\n' },
        expected: {
          reason: 'NotFound',
          message: 'the server could not find the requested resource: 404 page not found',
        },
      },
      {
        name: 'a web page',
        answer: { status: 502, body: '<html>Bad gateway</html>' },
        expected: { code: 502, message: 'an error on the server has prevented the request from succeeding' },
      },
      {
        name: 'a cut Status',
        answer: { status: 503, body: '{"kind":"Sta' },
        expected: {
          reason: 'ServiceUnavailable',
          message: 'the server is currently unable to handle the request',
        },
      },
      {
        name: 'no body',
        answer: { status: 418, body: '' },
        expected: { code: 418, reason: undefined, message: 'the server answered with HTTP status 418' },
      },
    ];
    for (const { name, answer, expected } of failures) {
      it(name, async () => {
        try {
          await createClient(fakeTransport(answer)).get(configMaps, { namespace: 'ns', name: 'a' });
          expect.fail('no error');
        } catch (error) {
          expect(error).to.be.instanceOf(StatusError);
          const { code, reason, message } = error as StatusError;
          expect({ code, reason, message }).to.deep.include(expected);
        }
      });
    }

    it('and keeps Retry-After', async () => {
      const answer = { status: 429, headers: { 'retry-after': '7' }, body: '' };
      const failure = await createClient(fakeTransport(answer))
        .list(configMaps)
        .catch((error: unknown) => error);
      expect((failure as StatusError).status.details?.retryAfterSeconds).to.equal(7);
    });
  });

  describe('watch', () => {
    it('asks for bookmarks and initial events and has no time limit', async () => {
      const transport = fakeTransport({ body: '' });
      const watch = createClient(transport).watch(configMaps, {
        namespace: 'ns',
        timeoutSeconds: 300,
        sendInitialEvents: true,
      });
      for await (const _event of watch);
      expect(transport.requests[0]?.path).to.equal(
        '/api/v1/namespaces/ns/configmaps?watch=true&allowWatchBookmarks=true&timeoutSeconds=300&sendInitialEvents=true&resourceVersionMatch=NotOlderThan',
      );
      expect(transport.requests[0]?.timeoutMs).to.equal(undefined);
    });

    it('throws an ERROR event', async () => {
      const object = {
        kind: 'Status',
        apiVersion: 'v1',
        status: 'Failure',
        message: 'too old',
        reason: 'Expired',
        code: 410,
      };
      const transport = fakeTransport({ body: `${JSON.stringify({ type: 'ERROR', object })}\n` });
      try {
        for await (const _event of createClient(transport).watch(configMaps));
        expect.fail('no error');
      } catch (error) {
        expect(hasReason(error, 'Expired')).to.equal(true);
      }
    });

    it('gives the same events however the stream is cut', async () => {
      const events = fc.array(
        fc.record({
          type: fc.constantFrom('ADDED', 'MODIFIED', 'DELETED'),
          object: fc.record({ text: fc.string({ unit: 'grapheme' }) }),
        }),
      );
      await fc.assert(
        fc.asyncProperty(events, fc.infiniteStream(fc.integer({ min: 1, max: 40 })), async (list, sizes) => {
          const bytes = Buffer.from(list.map((event) => `${JSON.stringify(event)}\n`).join(''));
          const seen: unknown[] = [];
          for await (const event of readWatchStream(cut(bytes, sizes), { maxLineBytes: 10_000 }))
            seen.push(event);
          expect(seen).to.deep.equal(list);
        }),
      );
    });

    it('bounds an event and tells a stream that ends inside one', async () => {
      const endless = Buffer.from(`{"type":"ADDED","object":{"a":"${'x'.repeat(100)}`);
      const read = async (maxLineBytes: number): Promise<unknown> => {
        for await (const _event of readWatchStream(cut(endless, sizesOf(7)), { maxLineBytes }));
        return undefined;
      };
      const large = await read(64).catch((error: unknown) => error);
      expect((large as Error).message).to.contain('larger than 64 bytes');
      const broken = await read(1000).catch((error: unknown) => error);
      expect((broken as TransportError).hop).to.equal('closed');
    });
  });

  it('stands on a test environment that is the same for the same seed', () => {
    const draw = (seed: number): string => createTestEnv({ seed }).random.uuid();
    expect(draw(1)).to.equal(draw(1));
    expect(draw(1)).not.to.equal(draw(2));
  });
});

function* sizesOf(size: number): Generator<number> {
  for (;;) yield size;
}

async function* cut(bytes: Buffer, sizes: Iterable<number>): AsyncGenerator<Uint8Array> {
  let at = 0;
  for (const size of sizes) {
    if (at >= bytes.length) return;
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
