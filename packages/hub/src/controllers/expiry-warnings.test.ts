import type { ManagedCluster } from '@flotilla/api';
import { expect } from 'chai';
import { expiryNotes } from '../cli/expiry-notes.js';
import { agentKeysAnnotation } from '../identity/agent-keys.js';
import type { HubCertificate } from '../identity/hub-certificates.js';
import { planExpiryCondition, warnFromMs } from './expiry-warnings.js';

const dayMs = 86_400_000;
const nowMs = Date.UTC(2026, 5, 1);
const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

function cluster(
  leftDays: number | undefined,
  recorded?: { status: 'True' | 'False'; reason: string; message: string },
): ManagedCluster {
  const key =
    leftDays === undefined
      ? ''
      : `sha256:a@${iso(nowMs + (leftDays - 365) * dayMs)}@${iso(nowMs + leftDays * dayMs)}`;
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1', annotations: { [agentKeysAnnotation]: key } },
    status: {
      conditions: recorded
        ? [{ type: 'CertificateExpiring', lastTransitionTime: iso(nowMs), ...recorded }]
        : [],
    },
  };
}

function hub(role: HubCertificate['role'], leftDays: number, lifeDays: number): HubCertificate {
  return { role, notBeforeMs: nowMs + (leftDays - lifeDays) * dayMs, notAfterMs: nowMs + leftDays * dayMs };
}

describe('the warning before a certificate ends', () => {
  it('comes thirty days before, or in the last tenth of a short life', () => {
    expect(warnFromMs({ fromMs: 0, notAfterMs: 365 * dayMs })).to.equal(335 * dayMs);
    expect(warnFromMs({ fromMs: 0, notAfterMs: 3650 * dayMs })).to.equal(3620 * dayMs);
    expect(warnFromMs({ fromMs: 0, notAfterMs: 1000 })).to.equal(900);
  });

  const cases: readonly (readonly [
    string,
    number | undefined,
    readonly HubCertificate[],
    string | undefined,
  ])[] = [
    ['all is in time', 40, [hub('serving', 60, 365), hub('authority', 2000, 3650)], undefined],
    ['nothing is known', undefined, [], undefined],
    ['that of the agent ends', 29, [hub('serving', 60, 365)], 'ClientCertificateExpiring'],
    ['that of the agent has ended', -1, [], 'ClientCertificateExpiring'],
    ['that of the hub ends', 100, [hub('serving', 29, 365)], 'HubServingCertificateExpiring'],
    ['the authority ends', 100, [hub('authority', 29, 3650)], 'HubAuthorityExpiring'],
    [
      'all end: the agent’s is told first',
      29,
      [hub('serving', 9, 365), hub('authority', 9, 3650)],
      'ClientCertificateExpiring',
    ],
  ];
  for (const [name, leftDays, certificates, reason] of cases) {
    it(`${name}: ${reason ?? 'nothing'}`, () => {
      const planned = planExpiryCondition(cluster(leftDays), { nowMs, hub: certificates });
      expect(planned?.reason).to.equal(reason);
      expect(planned?.status).to.equal(reason && 'True');
    });
  }

  it('is written once, and taken back when all is renewed', () => {
    const told = planExpiryCondition(cluster(29), { nowMs, hub: [] });
    if (told === undefined) return expect.fail('nothing was told');
    const recorded = { status: 'True' as const, reason: told.reason, message: told.message };
    expect(told.message).to.contain(iso(nowMs + 29 * dayMs));
    expect(planExpiryCondition(cluster(29, recorded), { nowMs: nowMs + dayMs, hub: [] })).to.equal(undefined);
    const renewed = planExpiryCondition(cluster(300, recorded), { nowMs, hub: [] });
    expect([renewed?.status, renewed?.reason]).to.deep.equal(['False', 'CertificatesInTime']);
    const after = { status: 'False' as const, reason: 'CertificatesInTime', message: '' };
    expect(planExpiryCondition(cluster(300, after), { nowMs, hub: [] })).to.equal(undefined);
  });

  it('is said once below the list of clusters, for all that it concerns', () => {
    const recorded = { status: 'True' as const, reason: 'HubAuthorityExpiring', message: 'It ends.' };
    const five = ['c1', 'c2', 'c3', 'c4', 'c5'].map((name) => {
      const one = cluster(300, recorded);
      return { ...one, metadata: { ...one.metadata, name } };
    });
    expect(expiryNotes([...five, cluster(300)])).to.deep.equal([
      { message: 'It ends.', text: 'c1, c2, c3 and 2 more: It ends.' },
    ]);
    expect(expiryNotes([cluster(300)])).to.deep.equal([]);
  });
});
