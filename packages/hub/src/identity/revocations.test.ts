import { type KubeObject, newAlreadyExists, newNotFound } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { expect } from 'chai';
import { agentKeysAnnotation } from './agent-keys.js';
import { type Revocations, readRevocations, revokeAgents, revokedAtMs } from './revocations.js';

const subject = { group: '', resource: 'configmaps', name: 'flotilla-revoked-agents' };
const atMs = Date.UTC(2026, 0, 1, 12);

function certificate(issuedAtMs: number, commonName = 'system:open-cluster-management:c1:a1') {
  return {
    subject: { commonName },
    notBeforeMs: issuedAtMs - 300_000,
    publicKeyHash: 'sha256:aa',
  } as unknown as Parameters<typeof revokedAtMs>[0]; // the rest is not read
}

describe('revoked certificates', () => {
  const revocations: Revocations = new Map([['c1', { fromMs: atMs, keys: new Set<string>() }]]);

  it('are those of the cluster that were issued before', () => {
    expect(revokedAtMs(certificate(atMs - 1000), revocations)).to.equal(atMs);
    expect(revokedAtMs(certificate(atMs), revocations)).to.equal(undefined);
    expect(
      revokedAtMs(certificate(atMs - 1000, 'system:open-cluster-management:c2:a1'), revocations),
    ).to.equal(undefined);
    expect(revokedAtMs(certificate(atMs - 1000, 'kubernetes-admin'), revocations)).to.equal(undefined);
    expect(revokedAtMs(certificate(atMs - 1000), new Map())).to.equal(undefined);
  });

  it('are those of a key that was named, whatever their date', () => {
    const named = (key: string): Revocations => new Map([['c1', { fromMs: atMs, keys: new Set([key]) }]]);
    expect(revokedAtMs(certificate(atMs + 3_600_000), named('sha256:aa'))).to.equal(atMs);
    expect(revokedAtMs(certificate(atMs + 3_600_000), named('sha256:bb'))).to.equal(undefined);
  });

  it('are read from the ConfigMap, without what is no time', () => {
    const data = {
      ...{ c1: '2026-01-01T12:00:00Z', 'c1.keys': 'sha256:aa,sha256:bb' },
      ...{ c2: 'soon', 'c3.keys': '2026-01-01T12:00:00Z' },
    };
    const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data };
    expect([...readRevocations(configMap)]).to.deep.equal([
      ['c1', { fromMs: atMs, keys: new Set(['sha256:aa', 'sha256:bb']) }],
    ]);
    expect(readRevocations(undefined).size).to.equal(0);
  });

  const dated = (hash: string, time: string): string => `sha256:${hash}@${time}@2027-01-01T00:00:00Z`;
  const annotations = {
    [agentKeysAnnotation]: [dated('cc', '2026-01-01T14:00:00Z'), dated('dd', '2026-01-01T11:00:00Z')].join(),
  };
  const cluster: KubeObject = { apiVersion: 'x/v1', kind: 'ManagedCluster', metadata: { annotations } };

  /** Refuses the first patches and creations with these. */
  function fake(patchErrors: Error[], createErrors: Error[] = []) {
    const writes: object[] = [];
    const act = (errors: Error[], body: object) => {
      const error = errors.shift();
      if (error !== undefined) return Promise.reject(error);
      writes.push(body);
      return Promise.resolve({});
    };
    const client = {
      get: async () => cluster,
      list: async () => ({ items: [] }),
      patch: (_ref: unknown, _key: unknown, { body }: { body: object }) => act(patchErrors, body),
      create: (_ref: unknown, { data = 'made' }: { data?: object | string }) => act(createErrors, { data }),
    } as unknown as KubeClient; // nothing else is asked for
    return { client, writes };
  }

  const paths = {
    'in the ConfigMap that is there': fake([]),
    'in a new one': fake([newNotFound(subject)]),
    'in one that somebody else makes at the same time': fake(
      [newNotFound(subject)],
      [newAlreadyExists(subject)],
    ),
  };
  const data = { c1: '2026-01-01T12:00:01Z', 'c1.keys': 'sha256:cc' };
  for (const [name, { client, writes }] of Object.entries(paths)) {
    it(`are void from the next whole second on, and what the hub has dated later, ${name}`, async () => {
      const { fromMs, keys } = await revokeAgents(client, { cluster: 'c1', nowMs: atMs + 400 });
      expect(fromMs).to.equal(atMs + 1000);
      expect([...keys]).to.deep.equal(['sha256:cc']);
      expect(writes.at(-1)).to.deep.equal({ data });
    });
  }

  it('are not kept when the hub says no', async () => {
    const { client } = fake([new Error('no')]);
    const error = await revokeAgents(client, { cluster: 'c1', nowMs: atMs }).catch(
      (caught: unknown) => caught,
    );
    expect(String(error)).to.contain('no');
  });
});
