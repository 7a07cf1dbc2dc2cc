import { agentNamespace, hubKubeconfigSecretName, type KubeObject } from '@flotilla/api';
import { createCertificateAuthority, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { FakeServer } from './fake-client.fixture.js';
import { readSecondCopy, removeSecondCopy, type SecondCopy, writeSecondCopy } from './second-copy.js';

const { clock, random } = createTestEnv();
const ca = createCertificateAuthority({
  commonName: 'hub',
  validityMs: 86_400_000,
  nowMs: clock.now(),
  random,
});

function newCopy(agentId = 'a1', clusterName = 'c1'): SecondCopy {
  const { privateKeyPem, publicKeyDer } = generateKeyPair();
  const certificatePem = issueCertificate({
    ca,
    publicKeyDer,
    subject: { commonName: `system:open-cluster-management:${clusterName}:${agentId}` },
    notBeforeMs: clock.now(),
    notAfterMs: clock.now() + 3_600_000,
    usages: ['client auth'],
    random,
  });
  const hub = { hubServer: 'https://hub.example:6443', hubCa: ca.certificatePem };
  return { ...hub, clusterName, agentId, credentials: { certificatePem, privateKeyPem } };
}

describe('the second copy of the credentials', () => {
  let server: FakeServer;
  beforeEach(() => {
    server = new FakeServer();
  });
  const secrets = (): string[] => [...server.objects.keys()].filter((key) => key.startsWith('secrets/'));

  it('is read as it was written, by its agent and by whoever has lost everything', async () => {
    const copy = newCopy();
    await writeSecondCopy(server.client, copy);
    expect(await readSecondCopy(server.client, copy)).to.deep.equal(copy);
    expect(await readSecondCopy(server.client)).to.deep.equal(copy);
  });

  it('is written when it differs, and not otherwise', async () => {
    const copy = newCopy();
    await writeSecondCopy(server.client, copy);
    const { length } = server.writes;
    server.reads.length = 0;
    await writeSecondCopy(server.client, copy);
    expect(server.writes.length).to.equal(length);
    expect(server.reads.length, 'one look is enough').to.equal(1);
    const renewed = newCopy();
    await writeSecondCopy(server.client, renewed);
    expect(await readSecondCopy(server.client, copy)).to.deep.equal(renewed);
    server.objects.clear();
    await writeSecondCopy(server.client, renewed);
    expect(secrets().length).to.equal(1);
  });

  it('leaves alone that of another agent of the same cluster', async () => {
    const [first, second] = [newCopy('a1'), newCopy('a2')];
    await writeSecondCopy(server.client, first);
    await writeSecondCopy(server.client, second);
    expect(secrets().length).to.equal(2);
    expect(await readSecondCopy(server.client, first)).to.deep.equal(first);
    expect(await readSecondCopy(server.client, second)).to.deep.equal(second);
    await removeSecondCopy(server.client, second);
    expect(await readSecondCopy(server.client, first)).to.deep.equal(first);
    await removeSecondCopy(server.client, first);
    expect(secrets()).to.deep.equal([]);
  });

  it('counts as none when its key and its certificate do not belong together', async () => {
    const [copy, other] = [newCopy(), newCopy()];
    await writeSecondCopy(server.client, {
      ...copy,
      credentials: { ...copy.credentials, privateKeyPem: other.credentials.privateKeyPem },
    });
    expect(await readSecondCopy(server.client)).to.equal(undefined);
  });

  it('counts as none when it is damaged or somebody else’s', async () => {
    const key = `secrets/${agentNamespace}/${hubKubeconfigSecretName}`;
    const secret: KubeObject = {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: { name: hubKubeconfigSecretName, namespace: agentNamespace },
    };
    server.objects.set(key, secret);
    expect(await readSecondCopy(server.client)).to.equal(undefined);
    const copy = newCopy();
    await writeSecondCopy(server.client, copy);
    expect(await readSecondCopy(server.client, { clusterName: 'c2', agentId: 'a1' })).to.equal(undefined);
  });
});
