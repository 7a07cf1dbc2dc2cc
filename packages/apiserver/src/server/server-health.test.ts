import { expect } from 'chai';
import { createMemoryStore } from '../storage/memory-store.js';
import type { ApiRequest } from './handler.js';
import { ServerHealth } from './server-health.js';

const names = ['livez', 'healthz', 'readyz'] as const;

describe('the health of a server', () => {
  const health = new ServerHealth(createMemoryStore());
  const ask = async (name: (typeof names)[number], below = ''): Promise<number | undefined> => {
    // Only these are looked at.
    const request = { path: `/${name}${below}`, query: new URLSearchParams() } as ApiRequest;
    return (await health.respond(name, request))?.status;
  };
  const all = () => Promise.all(names.map((name) => ask(name)));

  it('begins alive only, is well from the time it was first ready, and ready when it is', async () => {
    expect(await all()).to.deep.equal([200, 500, 500]);
    expect(await ask('healthz', '/ping')).to.equal(200);
    expect(await ask('healthz', '/poststarthook/rbac/bootstrap-roles')).to.equal(500);
    health.setReady(true);
    expect(await all()).to.deep.equal([200, 200, 200]);
    expect(await ask('healthz', '/poststarthook/rbac/bootstrap-roles')).to.equal(200);
    health.setReady(false);
    expect(await all()).to.deep.equal([200, 200, 500]);
  });
});
