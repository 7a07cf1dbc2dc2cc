import { type KubeObject, newAlreadyExists, newNotFound } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { expect } from 'chai';
import { readRevocations, revokeAgents, revokedAtMs } from './revocations.js';

const subject = { group: '', resource: 'configmaps', name: 'flotilla-revoked-agents' };
const atMs = Date.UTC(2026, 0, 1, 12);

function certificate(issuedAtMs: number, commonName = 'system:open-cluster-management:c1:a1') {
  return { subject: { commonName }, notBeforeMs: issuedAtMs - 300_000 } as unknown as Parameters<
    typeof revokedAtMs
  >[0]; // the rest is not read
}

describe('revoked certificates', () => {
  const revocations = new Map([['c1', atMs]]);

  it('are those of the cluster that were issued before', () => {
    expect(revokedAtMs(certificate(atMs - 1000), revocations)).to.equal(atMs);
    expect(revokedAtMs(certificate(atMs), revocations)).to.equal(undefined);
    expect(
      revokedAtMs(certificate(atMs - 1000, 'system:open-cluster-management:c2:a1'), revocations),
    ).to.equal(undefined);
    expect(revokedAtMs(certificate(atMs - 1000, 'kubernetes-admin'), revocations)).to.equal(undefined);
    expect(revokedAtMs(certificate(atMs - 1000), new Map())).to.equal(undefined);
  });

  it('are read from the ConfigMap, without what is no time', () => {
    const data = { c1: '2026-01-01T12:00:00Z', c2: 'soon' };
    const configMap: KubeObject = { apiVersion: 'v1', kind: 'ConfigMap', metadata: {}, data };
    expect([...readRevocations(configMap)]).to.deep.equal([['c1', atMs]]);
    expect(readRevocations(undefined).size).to.equal(0);
  });

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
      patch: (_ref: unknown, _key: unknown, { body }: { body: object }) => act(patchErrors, body),
      create: (_ref: unknown, body: { data: object }) => act(createErrors, { data: body.data }),
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
  for (const [name, { client, writes }] of Object.entries(paths)) {
    it(`count from the next whole second, ${name}`, async () => {
      expect(await revokeAgents(client, { cluster: 'c1', nowMs: atMs + 400 })).to.equal(atMs + 1000);
      expect(writes).to.deep.equal([{ data: { c1: '2026-01-01T12:00:01Z' } }]);
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
