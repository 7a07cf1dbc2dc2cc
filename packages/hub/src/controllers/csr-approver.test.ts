import { agentGroups, agentUserName, clusterNameLabel, kubeClientSigner } from '@flotilla/api';
import { createCertificateRequest, generateKeyPair } from '@flotilla/kube';
import { expect } from 'chai';
import {
  type CertificateSigningRequest,
  isPending,
  readAgentRequest,
  withCsrCondition,
} from './csr-approver.js';

interface Overrides {
  readonly label?: string;
  readonly commonName?: string;
  readonly organizations?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly spec?: object;
}

function csr(overrides: Overrides = {}): CertificateSigningRequest {
  const request = createCertificateRequest({
    privateKeyPem: generateKeyPair().privateKeyPem,
    commonName: overrides.commonName ?? agentUserName('c1', 'a1'),
    organizations: overrides.organizations ?? agentGroups('c1'),
    ...(overrides.dnsNames && { dnsNames: overrides.dnsNames }),
  });
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'c1-x', labels: { [clusterNameLabel]: overrides.label ?? 'c1' } },
    spec: {
      request: Buffer.from(request).toString('base64'),
      signerName: kubeClientSigner,
      usages: ['digital signature', 'key encipherment', 'client auth'],
      ...overrides.spec,
    },
  };
}

describe('reading the certificate request of an agent', () => {
  it('finds cluster and agent', () => {
    expect(readAgentRequest(csr())).to.deep.equal({ ok: true, cluster: 'c1', agent: 'a1' });
  });
  const refusals: [string, Overrides, RegExp][] = [
    ['a label of another cluster', { label: 'c2' }, /its label for c2/],
    ['a common name with more parts', { commonName: 'system:open-cluster-management:c1:a1:x' }, /no agent's/],
    [
      'a common name that only begins like one',
      { commonName: 'system:open-cluster-management:c1' },
      /no agent's/,
    ],
    ['the groups of another cluster', { organizations: agentGroups('c2') }, /organizations/],
    [
      'the group of administrators',
      { organizations: [...agentGroups('c1'), 'system:masters'] },
      /organizations/,
    ],
    ['no group', { organizations: [] }, /organizations/],
    ['an alternative name', { dnsNames: ['hub.example'] }, /alternative name hub.example/],
    ['another signer', { spec: { signerName: 'example.com/x' } }, /signer/],
    ['the usage of servers', { spec: { usages: ['server auth'] } }, /usage server auth/],
  ];
  for (const [name, overrides, why] of refusals) {
    it(`refuses ${name}`, () => {
      const read = readAgentRequest(csr(overrides));
      expect(read.ok ? '' : read.why).to.match(why);
    });
  }
  it('knows a decided request from a pending one', () => {
    const pending = csr();
    expect(isPending(pending)).to.equal(true);
    const decided = withCsrCondition(pending, { type: 'Denied', reason: 'r', message: 'm', nowMs: 0 });
    expect(isPending(decided)).to.equal(false);
    expect(decided.status?.conditions).to.have.length(1);
  });
});
