import type { KubeObject, ManagedCluster } from '@flotilla/api';
import { type Certificate, createStopController, type KubeClient, type ResourceRef } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createCertificateGate } from './certificate-gate.js';

const issuedAtMs = Date.UTC(2026, 0, 1);

function certificate(cluster: string): Certificate {
  const subject = { commonName: `system:open-cluster-management:${cluster}:a1` };
  const notAfterMs = issuedAtMs + 3_600_000;
  return {
    subject,
    notBeforeMs: issuedAtMs - 300_000,
    notAfterMs,
    publicKeyHash: 'sha256:ab',
  } as unknown as Certificate; // the rest is not read
}

describe('the gate for certificates', () => {
  const stop = createStopController();
  after(() => stop.abort(new Error('over')));

  /** A gate on a hub that shows these, and what the test pushes later. */
  async function open(configMaps: KubeObject[], clusters: ManagedCluster[]) {
    const env = createTestEnv();
    const watchers = new Map<string, (type: string, object: object) => void>();
    const client = {
      list: async ({ resource }: ResourceRef) => ({
        ...{ apiVersion: 'v1', kind: 'List', metadata: { resourceVersion: '1' } },
        items: resource === 'configmaps' ? configMaps : clusters,
      }),
      watch: async function* ({ resource }: ResourceRef) {
        const events: object[] = [];
        let wake = (): void => undefined;
        watchers.set(resource, (type, object) => {
          events.push({ type, object });
          wake();
        });
        for (;;) {
          const event = events.shift();
          if (event !== undefined) yield event;
          else {
            await new Promise<void>((resolve) => {
              wake = resolve;
            });
          }
        }
      },
    } as unknown as KubeClient; // nothing else is asked for
    const cut: string[] = [];
    const known = ['c1', 'c2'].map(certificate);
    const gate = createCertificateGate({
      env,
      disconnect: (isMeant) => {
        for (const one of known.filter(isMeant)) cut.push(one.subject.commonName.split(':')[2] ?? '');
      },
    });
    const started = gate.start(client, stop.signal);
    await env.clock.advance(100);
    await started;
    const push = async (resource: string, type: string, object: object): Promise<void> => {
      watchers.get(resource)?.(type, object);
      await env.clock.advance(10);
    };
    return { gate, cut, push };
  }

  function revocations(data: Record<string, string>, resourceVersion: string): KubeObject {
    const metadata = { name: 'flotilla-revoked-agents', namespace: 'kube-system', uid: 'u', resourceVersion };
    return { apiVersion: 'v1', kind: 'ConfigMap', metadata, data };
  }

  function cluster(name: string, hubAcceptsClient: boolean, resourceVersion: string): ManagedCluster {
    return {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name, uid: name, resourceVersion },
      spec: { hubAcceptsClient },
    };
  }

  it('knows the revocations before it is open', async () => {
    const { gate } = await open([revocations({ c1: '2026-01-01T00:00:01Z' }, '1')], []);
    expect(gate.rules.refuses(certificate('c1')))
      .to.contain('revoked')
      .and.contain('2026-01-01T00:00:01Z');
    expect(gate.rules.refuses(certificate('c2'))).to.equal(undefined);
  });

  it('ends connections as soon as their certificate is revoked, and refuses them from then on', async () => {
    const { gate, cut, push } = await open([revocations({}, '1')], []);
    expect(gate.rules.refuses(certificate('c1'))).to.equal(undefined);
    await push('configmaps', 'MODIFIED', revocations({ c1: '2026-01-01T00:00:01Z' }, '2'));
    expect(cut).to.deep.equal(['c1']);
    expect(gate.rules.refuses(certificate('c1'))).to.contain('revoked');
  });

  it('ends the connections of a cluster that is denied or removed, once', async () => {
    const { cut, push } = await open([], [cluster('c1', true, '1'), cluster('c2', true, '1')]);
    await push('managedclusters', 'MODIFIED', cluster('c1', false, '2'));
    expect(cut).to.deep.equal(['c1']);
    await push('managedclusters', 'MODIFIED', cluster('c1', false, '3'));
    expect(cut).to.deep.equal(['c1']);
    await push('managedclusters', 'DELETED', cluster('c2', true, '4'));
    expect(cut).to.deep.equal(['c1', 'c2']);
  });

  it('takes an expired certificate for its agent, who may renew it', async () => {
    const { gate } = await open([], []);
    const user = gate.rules.whenExpired(certificate('c1'), issuedAtMs + 7_200_000);
    expect(user?.username).to.equal('flotilla:expired-agent:c1:a1');
  });
});
