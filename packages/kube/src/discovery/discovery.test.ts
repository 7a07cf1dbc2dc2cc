import { expect } from 'chai';
import { createClient } from '../client/kube-client.js';
import type { Transport, TransportRequest } from '../client/transport.js';
import { createTestEnv } from '../testing/test-env.js';
import { createDiscovery, toRef } from './discovery.js';

const v2 = 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList';

interface Kind {
  readonly resource: string;
  readonly kind: string;
  readonly scope?: string;
}

/** Groups to versions to kinds, served as aggregated or as legacy documents. */
class DiscoveryServer implements Transport {
  groups: Record<string, Record<string, readonly Kind[]>> = {
    '': { v1: [{ resource: 'configmaps', kind: 'ConfigMap' }] },
    apps: {
      v1: [{ resource: 'deployments', kind: 'Deployment' }],
      v1beta1: [{ resource: 'deployments', kind: 'Deployment' }],
    },
  };
  aggregated = true;
  readonly broken = new Set<string>();
  readonly requests: string[] = [];

  async request(request: TransportRequest) {
    const etag = `"${Buffer.from(JSON.stringify([this.groups, [...this.broken]])).toString('base64')}"`;
    const [status, body] = this.#answer(request, etag);
    this.requests.push(`${request.path} ${status}`);
    const type = this.aggregated && request.path.split('/').length === 2 ? v2 : 'application/json';
    const bytes = Buffer.from(JSON.stringify(body));
    return {
      status,
      headers: { 'content-type': type, ...(this.aggregated && { etag }) },
      bytes: async () => bytes,
      chunks: async function* () {
        yield bytes;
      },
    };
  }

  async close(): Promise<void> {
    this.requests.push('closed');
  }

  #answer({ path, headers }: TransportRequest, etag: string): [number, unknown] {
    if (this.aggregated && headers?.['if-none-match'] === etag) return [304, {}];
    const names = Object.keys(this.groups).filter(
      (name) => (name === '') === path.startsWith('/api/') || (path === '/api' && name === ''),
    );
    if (path === '/api' || path === '/apis') {
      const wanted = Object.keys(this.groups).filter((name) => (name === '') === (path === '/api'));
      return [200, this.aggregated ? this.#aggregate(wanted) : this.#legacyRoot(wanted)];
    }
    expect(names).to.not.deep.equal([]);
    const [, , group = '', version = ''] = path.startsWith('/api/')
      ? ['', '', '', path.split('/')[2]]
      : path.split('/');
    if (this.broken.has(group)) return [503, 'service unavailable'];
    const resources = (this.groups[group]?.[version] ?? []).flatMap(
      ({ resource, kind, scope = 'Namespaced' }) => [
        { name: resource, kind, namespaced: scope === 'Namespaced', verbs: ['get'], singularName: '' },
        { name: `${resource}/status`, kind, namespaced: true, verbs: ['get'], singularName: '' },
      ],
    );
    const groupVersion = group === '' ? version : `${group}/${version}`;
    return [200, { kind: 'APIResourceList', groupVersion, resources }];
  }

  #legacyRoot(names: readonly string[]): unknown {
    if (names.includes('')) return { kind: 'APIVersions', versions: Object.keys(this.groups[''] ?? {}) };
    const groups = names.map((name) => {
      const versions = Object.keys(this.groups[name] ?? {}).map((version) => ({
        version,
        groupVersion: `${name}/${version}`,
      }));
      return { name, versions, preferredVersion: versions[0] };
    });
    return { kind: 'APIGroupList', groups };
  }

  #aggregate(names: readonly string[]): unknown {
    const items = names.map((name) => ({
      metadata: { name },
      versions: Object.entries(this.groups[name] ?? {}).map(([version, kinds]) => ({
        version,
        freshness: this.broken.has(name) ? 'Stale' : 'Current',
        resources: this.broken.has(name)
          ? []
          : kinds.map(({ resource, kind, scope = 'Namespaced' }) => ({
              resource,
              responseKind: { group: name, version, kind },
              scope,
              singularResource: kind.toLowerCase(),
              verbs: ['get'],
              subresources: [{ subresource: 'status' }],
            })),
      })),
    }));
    return { kind: 'APIGroupDiscoveryList', items };
  }
}

function setUp() {
  const env = createTestEnv();
  const server = new DiscoveryServer();
  const discovery = createDiscovery(createClient(server), { env });
  return { env, server, discovery };
}

describe('discovery', () => {
  for (const aggregated of [true, false]) {
    describe(`with ${aggregated ? 'aggregated' : 'legacy'} documents`, () => {
      it('finds kinds, the preferred version first', async () => {
        const { server, discovery } = setUp();
        server.aggregated = aggregated;
        await discovery.refresh();
        const found = discovery.find({ group: 'apps', kind: 'Deployment' });
        expect(found.map(({ version }) => version)).to.deep.equal(['v1', 'v1beta1']);
        expect(found[0]?.subresources).to.deep.equal(['status']);
        const resolved = discovery.resolve({ group: '', version: 'v1', kind: 'ConfigMap' });
        expect(resolved && toRef(resolved)).to.deep.equal({
          group: '',
          version: 'v1',
          resource: 'configmaps',
          namespaced: true,
        });
        expect(discovery.resolve({ group: 'apps', version: 'v2', kind: 'Deployment' })).to.equal(undefined);
        expect(discovery.served('apps').length).to.equal(2);
      });

      it('keeps what it knows of a group that cannot be read, and the others', async () => {
        const { server, discovery } = setUp();
        server.aggregated = aggregated;
        await discovery.refresh();
        server.broken.add('apps');
        server.groups = { ...server.groups, batch: { v1: [{ resource: 'jobs', kind: 'Job' }] } };
        await discovery.refresh();
        expect(discovery.find({ group: 'apps', kind: 'Deployment' }).length).to.equal(2);
        expect(discovery.find({ group: 'batch', kind: 'Job' }).length).to.equal(1);
        expect([...discovery.failures().keys()]).to.deep.equal(['apps/v1', 'apps/v1beta1']);
      });
    });
  }

  it('asks twice a minute, is told that nothing changed, and tells when something did', async () => {
    const { env, server, discovery } = setUp();
    let changes = 0;
    discovery.onChange(() => changes++);
    discovery.start();
    await env.clock.advance(95_000);
    expect(server.requests.filter((request) => request.endsWith('304')).length).to.equal(6);
    expect(changes).to.equal(1);
    server.groups = { ...server.groups, batch: { v1: [{ resource: 'jobs', kind: 'Job' }] } };
    await env.clock.advance(30_000);
    expect(changes).to.equal(2);
    await discovery.close();
    expect(env.clock.pending).to.equal(0);
  });

  it('looks for an unknown kind soon, but not again and again', async () => {
    const { env, server, discovery } = setUp();
    discovery.start();
    await env.clock.advance(0);
    const before = server.requests.length;
    server.groups = { ...server.groups, batch: { v1: [{ resource: 'jobs', kind: 'Job' }] } };
    expect(discovery.find({ group: 'batch', kind: 'Job' })).to.deep.equal([]);
    await env.clock.advance(3000);
    expect(discovery.find({ group: 'batch', kind: 'Job' }).length).to.equal(1);
    for (let i = 0; i < 100; i++) {
      discovery.find({ group: 'batch', kind: 'Nothing' });
      await env.clock.advance(60);
    }
    expect(server.requests.length - before).to.be.lessThan(9);
    await discovery.close();
  });

  it('looks up an unknown kind at once when it may', async () => {
    const { env, server, discovery } = setUp();
    await discovery.refresh();
    server.groups = { ...server.groups, batch: { v1: [{ resource: 'jobs', kind: 'Job' }] } };
    const job = { group: 'batch', version: 'v1', kind: 'Job' };
    expect(await discovery.lookup(job)).to.equal(undefined);
    await env.clock.advance(3000);
    expect((await discovery.lookup(job))?.resource).to.equal('jobs');
  });

  it('goes on after a server that cannot be asked', async () => {
    const { env, server, discovery } = setUp();
    const { request } = server;
    server.request = async () => {
      throw new Error('down');
    };
    discovery.start();
    await env.clock.advance(0);
    expect(discovery.isReady).to.equal(false);
    server.request = request;
    await env.clock.advance(30_000);
    expect(discovery.isReady).to.equal(true);
    expect(env.log.find('discovery failed').length).to.equal(1);
    await discovery.close();
  });
});
