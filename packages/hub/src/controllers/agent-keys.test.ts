import {
  agentGroups,
  agentUserName,
  clusterNameLabel,
  type KubeObject,
  kubeClientSigner,
  type ManagedCluster,
  newStatusError,
} from '@flotilla/api';
import {
  type ChangeHandler,
  createCertificateAuthority,
  createCertificateRequest,
  generateKeyPair,
  issueCertificate,
  parseCertificateRequest,
} from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { agentKeysAnnotation, agentKeysOf } from '../identity/agent-keys.js';
import { createAgentKeyRecorder } from './agent-keys.js';
import type { HubContext } from './context.js';

const { clock, random } = createTestEnv();
const nowMs = clock.now();
const hourMs = 3_600_000;
const ca = createCertificateAuthority({ commonName: 'hub', validityMs: 1000 * hourMs, nowMs, random });
const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z');

interface Asked {
  readonly cluster?: string;
  readonly issuedMs?: number;
  /** In place of what the hub signs. */
  readonly certificate?: string | undefined;
}

/** The request of an agent; issued unless told otherwise, with dates as the hub's signer sets them. */
function request({ cluster = 'c1', issuedMs = nowMs, ...more }: Asked = {}): KubeObject {
  const subject = { commonName: agentUserName(cluster, 'a1'), organizations: agentGroups(cluster) };
  const pem = createCertificateRequest({ privateKeyPem: generateKeyPair().privateKeyPem, ...subject });
  const issued = issueCertificate({
    ...{ ca, subject, random, usages: ['client auth'] as const },
    publicKeyDer: parseCertificateRequest(pem).publicKeyDer,
    notBeforeMs: issuedMs - 5 * 60_000,
    notAfterMs: issuedMs + hourMs,
  });
  const certificate = 'certificate' in more ? more.certificate : issued;
  return {
    apiVersion: 'certificates.k8s.io/v1',
    kind: 'CertificateSigningRequest',
    metadata: { name: 'csr', labels: { [clusterNameLabel]: cluster } },
    spec: {
      request: Buffer.from(pem).toString('base64'),
      signerName: kubeClientSigner,
      usages: ['client auth'],
    },
    status: certificate === undefined ? {} : { certificate: Buffer.from(certificate).toString('base64') },
  };
}

function cluster(annotations: Record<string, string> = {}): ManagedCluster {
  return {
    apiVersion: 'cluster.open-cluster-management.io/v1',
    kind: 'ManagedCluster',
    metadata: { name: 'c1', uid: 'u1', resourceVersion: '7', creationTimestamp: iso(nowMs), annotations },
  };
}

/** What the recorder writes to the cluster when the request changes, and is cleared away after a failure of the write. */
async function recorded(
  csr: KubeObject,
  known: ManagedCluster | undefined,
  { failures = 0 } = {},
): Promise<KubeObject[]> {
  const written: KubeObject[] = [];
  let left = failures;
  let told: ChangeHandler<KubeObject> = () => undefined;
  const env = createTestEnv();
  const context = {
    env,
    client: {
      patch: async (_ref: unknown, _key: unknown, { body }: { body: KubeObject }) => {
        if (left-- > 0) throw newStatusError(409, 'Conflict', { message: 'changed meanwhile' });
        written.push(body);
      },
    },
    clusters: { cache: { get: () => known } },
    csrs: {
      cache: { get: () => (left === failures ? csr : undefined) },
      onChange: (fn: ChangeHandler<KubeObject>) => {
        told = fn;
      },
    },
  } as unknown as HubContext; // the rest is not asked
  const recorder = createAgentKeyRecorder(context);
  recorder.start();
  told({ type: 'updated', object: csr });
  await env.clock.settle();
  if (failures > 0) told({ type: 'deleted', object: csr });
  await env.clock.advance(60_000);
  await recorder.close();
  return written;
}

describe('the record of the keys that the hub has certified', () => {
  it('has the key of each certificate, when it was issued and when it ends, bound to the cluster as it was seen', async () => {
    const [body] = await recorded(request(), cluster());
    expect(body?.metadata).to.include({ uid: 'u1', resourceVersion: '7' });
    const [key] = agentKeysOf(body as KubeObject);
    expect(key).to.include({ issuedAtMs: nowMs, notAfterMs: nowMs + hourMs });
    expect(key?.hash).to.match(/^sha256:[0-9a-f]{64}$/);
  });

  it('is not written again for a key that it has', async () => {
    const csr = request();
    const [body] = await recorded(csr, cluster());
    const annotation = body?.metadata.annotations?.[agentKeysAnnotation] ?? '';
    expect(await recorded(csr, cluster({ [agentKeysAnnotation]: annotation }))).to.deep.equal([]);
  });

  it('has a key whose request is cleared away before it could be written', async () => {
    const written = await recorded(request(), cluster(), { failures: 2 });
    expect(written.length).to.equal(1);
    expect(agentKeysOf(written[0] as KubeObject).length).to.equal(1);
  });

  it('is made of several clusters at a time, so that a slow write holds up no other', async () => {
    const env = createTestEnv();
    const begun: string[] = [];
    let tell: ChangeHandler<KubeObject> = () => undefined;
    const recorder = createAgentKeyRecorder({
      env,
      client: {
        patch: (_ref: unknown, { name }: { name: string }) => {
          begun.push(name);
          return name === 'c1' ? new Promise(() => undefined) : Promise.resolve({});
        },
      },
      clusters: {
        cache: { get: (name: string) => ({ ...cluster(), metadata: { ...cluster().metadata, name } }) },
      },
      csrs: {
        onChange: (fn: ChangeHandler<KubeObject>) => {
          tell = fn;
        },
      },
    } as unknown as HubContext); // the rest is not asked
    recorder.start();
    for (const name of ['c1', 'c2', 'c3']) {
      const csr = request({ cluster: name });
      tell({ type: 'updated', object: { ...csr, metadata: { ...csr.metadata, name } } });
    }
    await env.clock.settle();
    expect(begun).to.deep.equal(['c1', 'c2', 'c3']);
  });

  const nothing: [what: string, KubeObject, ManagedCluster | undefined][] = [
    ['what has no certificate yet', request({ certificate: undefined }), cluster()],
    ['what somebody signed that is no certificate', request({ certificate: 'nonsense' }), cluster()],
    ['a cluster that is not there', request(), undefined],
    ['a certificate of a former cluster of the name', request({ issuedMs: nowMs - 1000 }), cluster()],
  ];
  for (const [what, csr, known] of nothing) {
    it(`has nothing of ${what}`, async () => expect(await recorded(csr, known)).to.deep.equal([]));
  }
});
