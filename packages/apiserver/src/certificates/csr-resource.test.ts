import {
  createCertificateRequest,
  createClient,
  generateKeyPair,
  type KubeClient,
  parseCertificate,
  splitCertificates,
  wellKnown,
} from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../authentication/testing/api-server.js';
import { binding, role } from '../authorization/testing/rbac.js';
import { createInProcessTransport } from '../server/in-process-transport.js';
import { type Csr, type CsrCondition, kubeClientSigner } from './csr.js';
import { createCsrSigner } from './signer.js';

const csrs = wellKnown.certificateSigningRequests;
const group = 'certificates.k8s.io';

const agent = {
  username: 'system:bootstrap:abc123',
  groups: ['system:bootstrappers', 'system:authenticated'],
  extra: { origin: ['test'] },
};
const approver = { username: 'approver', groups: ['system:authenticated'] };
const wideApprover = { username: 'wide-approver', groups: ['system:authenticated'] };
const signerUser = { username: 'signer', groups: ['system:authenticated'] };
const clerk = { username: 'clerk', groups: ['system:authenticated'] };

function pkcs10(subject: { commonName?: string; organizations?: string[] } = {}): string {
  const { privateKeyPem } = generateKeyPair();
  const pem = createCertificateRequest({
    privateKeyPem,
    commonName: 'agent',
    organizations: ['agents'],
    ...subject,
  });
  return Buffer.from(pem).toString('base64');
}

function newCsr(spec: Partial<Csr['spec']> = {}): Csr {
  return {
    apiVersion: `${group}/v1`,
    kind: 'CertificateSigningRequest',
    metadata: { generateName: 'test-' },
    spec: { request: pkcs10(), signerName: kubeClientSigner, usages: ['client auth'], ...spec },
  };
}

function condition(type: string, parts: Partial<CsrCondition> = {}): CsrCondition {
  return { type, status: 'True', reason: 'Test', message: '', ...parts };
}

function withConditions(csr: Csr, ...conditions: CsrCondition[]): Csr {
  return { ...csr, status: { ...csr.status, conditions } };
}

describe('CertificateSigningRequests', () => {
  let api: TestApi;
  let client: KubeClient;
  before(async () => {
    api = await startTestApi();
    client = api.as(agent);
    const verbs = (list: string, resources: string, resourceNames?: string[]) => ({
      verbs: list.split(' '),
      apiGroups: [group],
      resources: resources.split(' '),
      ...(resourceNames && { resourceNames }),
    });
    const all = verbs(
      'create get update patch',
      'certificatesigningrequests certificatesigningrequests/approval certificatesigningrequests/status',
    );
    const grant = async (user: string, ...rules: object[]): Promise<void> => {
      await api.root.create(wellKnown.clusterRoles, role(user, ...([all, ...rules] as never[])));
      await api.root.create(
        wellKnown.clusterRoleBindings,
        binding(user, `ClusterRole/${user}`, `User/${user}`),
      );
    };
    await grant('clerk');
    await grant('approver', verbs('approve', 'signers', [kubeClientSigner]));
    await grant('wide-approver', verbs('approve', 'signers', ['kubernetes.io/*']));
    await grant('signer', verbs('sign', 'signers', [kubeClientSigner]));
    await api.root.create(
      wellKnown.clusterRoles,
      role('bootstrap', verbs('create get', 'certificatesigningrequests')),
    );
    await api.root.create(
      wellKnown.clusterRoleBindings,
      binding('bootstrap', 'ClusterRole/bootstrap', 'Group/system:bootstrappers'),
    );
  });
  after(() => api.close());

  const failure = (promise: Promise<unknown>): Promise<unknown> => promise.catch((error: unknown) => error);
  const approve = (csr: Csr, user = approver, ...conditions: CsrCondition[]): Promise<Csr> => {
    const list = conditions.length > 0 ? conditions : [condition('Approved')];
    return api.as(user).update(csrs, withConditions(csr, ...list), { subresource: 'approval' });
  };
  const writeStatus = (csr: Csr, status: Csr['status'], user = signerUser): Promise<Csr> =>
    api.as(user).update(csrs, { ...csr, ...(status && { status }) }, { subresource: 'status' });

  it('writes down who asked, whatever the request says', async () => {
    const lie = { username: 'system:admin', groups: ['system:masters'], uid: 'x', extra: { a: ['b'] } };
    const { spec, status } = await client.create(csrs, {
      ...newCsr(lie),
      status: { conditions: [condition('Approved')] },
    } as Csr);
    expect(spec).to.deep.include({ username: agent.username, groups: agent.groups, extra: agent.extra });
    expect(spec).not.to.have.property('uid');
    expect(status?.conditions ?? []).to.deep.equal([]);
  });

  const invalid: [string, Partial<Csr['spec']>, string][] = [
    ['no request', { request: '' }, 'spec.request'],
    [
      'a request that is none',
      { request: Buffer.from('hello').toString('base64') },
      'there is no PEM block of type CERTIFICATE REQUEST',
    ],
    ['a signer without a domain', { signerName: 'signer' }, 'must be a fully qualified domain and path'],
    ['no usages', { usages: [] }, 'spec.usages: Required value'],
    [
      'an unknown usage',
      { usages: ['client auth', 'flying'] },
      'spec.usages[1]: Unsupported value: "flying"',
    ],
    ['too short a time', { expirationSeconds: 599 }, 'may not specify a duration less than 600 seconds'],
  ];
  for (const [name, spec, message] of invalid) {
    it(`answers 422 to ${name}`, async () => {
      const error = await failure(client.create(csrs, newCsr(spec)));
      expect(error).to.have.nested.property('status.code', 422);
      expect(error).to.have.property('message').that.contains(message);
    });
  }

  it('answers 403 to a client certificate for system:masters', async () => {
    const request = pkcs10({ organizations: ['system:masters'] });
    const error = await failure(client.create(csrs, newCsr({ request })));
    expect(error).to.have.nested.property('status.code', 403);
    expect(String(error)).to.contain('system:masters group is not allowed');
  });

  it('keeps the spec as it was made, and the status out of plain updates', async () => {
    const csr = await client.create(csrs, newCsr());
    const changed = { ...withConditions(csr, condition('Approved')), spec: { ...csr.spec, username: 'x' } };
    const updated = await api.as(clerk).update<Csr>(csrs, changed);
    expect(updated.spec).to.deep.equal(csr.spec);
    expect(updated.status?.conditions ?? []).to.deep.equal([]);
  });

  for (const user of [approver, wideApprover]) {
    it(`lets ${user.username} approve, and fills in the times`, async () => {
      const approved = await approve(await client.create(csrs, newCsr()), user);
      expect(approved.status?.conditions).to.deep.equal([
        condition('Approved', {
          lastUpdateTime: '2026-01-01T00:00:00Z',
          lastTransitionTime: '2026-01-01T00:00:00Z',
        }),
      ]);
    });
  }

  it('answers 403 to an approval without the verb "approve" on the signer', async () => {
    const csr = await client.create(csrs, newCsr());
    const error = await failure(approve(csr, clerk));
    expect(error).to.have.nested.property('status.code', 403);
    expect(String(error)).to.contain(
      `user not permitted to approve requests with signerName "${kubeClientSigner}"`,
    );
    const other = await client.create(csrs, newCsr({ signerName: 'example.com/s' }));
    expect(await failure(approve(other, wideApprover))).to.have.nested.property('status.code', 403);
  });

  it('answers 422 when a decision is contradicted, half made or taken back', async () => {
    const csr = await client.create(csrs, newCsr());
    const both = await failure(approve(csr, approver, condition('Approved'), condition('Denied')));
    expect(String(both)).to.contain('Approved and Denied conditions are mutually exclusive');
    const half = await failure(approve(csr, approver, condition('Approved', { status: 'False' })));
    expect(half).to.have.nested.property('status.code', 422);
    const approved = await approve(csr);
    const back = await failure(approve(approved, approver, condition('Other')));
    expect(String(back)).to.contain('updates may not remove a condition of type "Approved"');
  });

  it('answers 409 to an approval of an older state', async () => {
    const csr = await client.create(csrs, newCsr());
    await approve(csr);
    expect(await failure(approve(csr, approver, condition('Denied')))).to.have.nested.property(
      'status.code',
      409,
    );
  });

  describe('through /status', () => {
    const pem = (): string => Buffer.from(api.ca.certificatePem).toString('base64');

    it('takes a certificate once, from who may sign', async () => {
      const csr = await client.create(csrs, newCsr());
      expect(await failure(writeStatus(csr, { certificate: pem() }, approver))).to.have.nested.property(
        'status.code',
        403,
      );
      const signed = await writeStatus(csr, { certificate: pem() });
      expect(signed.status?.certificate).to.equal(pem());
      const again = await failure(
        writeStatus(signed, { certificate: Buffer.from(`x\n${api.ca.certificatePem}`).toString('base64') }),
      );
      expect(String(again)).to.contain('updates may not modify existing certificate content');
    });

    it('takes no approval from who may only sign', async () => {
      const csr = await client.create(csrs, newCsr());
      const error = await failure(writeStatus(csr, { conditions: [condition('Approved')] }));
      expect(error).to.have.nested.property('status.code', 422);
      expect(String(error)).to.contain('updates may not add a condition of type "Approved"');
    });

    it('takes nothing else for a certificate', async () => {
      const csr = await client.create(csrs, newCsr());
      const error = await failure(writeStatus(csr, { certificate: Buffer.from('hello').toString('base64') }));
      expect(String(error)).to.contain('must contain at least one CERTIFICATE PEM block');
    });
  });

  it('shows the state of a request as kubectl expects it', async () => {
    const csr = await client.create(csrs, newCsr({ expirationSeconds: 3600 }));
    await approve(csr);
    const answer = await api.server.transport().request({
      method: 'GET',
      path: `/apis/${group}/v1/certificatesigningrequests/${csr.metadata.name}`,
      headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
    });
    const table = JSON.parse(Buffer.from(await answer.bytes()).toString()) as {
      rows: { cells: unknown[] }[];
    };
    expect(table.rows[0]?.cells.slice(2)).to.deep.equal([
      kubeClientSigner,
      agent.username,
      '60m',
      'Approved',
    ]);
  });

  describe('with the signer', () => {
    let stop: () => Promise<void>;
    let refused: string | undefined;
    beforeEach(() => {
      refused = undefined;
      const abort = new AbortController();
      const rules = {
        refuses: ({ subject }: { subject: { commonName?: string } }) =>
          subject.commonName === refused ? 'revoked' : undefined,
      };
      const signer = createCsrSigner({ client: api.root, env: api.env, ca: api.ca, rules });
      signer.start(abort.signal);
      stop = async () => {
        abort.abort();
        await signer.close();
      };
    });
    afterEach(() => stop());

    const read = (csr: Csr): Promise<Csr> => client.get<Csr>(csrs, { name: csr.metadata.name ?? '' });

    it('issues a certificate that opens the server', async () => {
      const csr = await client.create(csrs, newCsr({ expirationSeconds: 3600 }));
      await approve(csr);
      await api.env.clock.settle();
      const { status } = await read(csr);
      const [der = new Uint8Array()] = splitCertificates(
        Buffer.from(status?.certificate ?? '', 'base64').toString(),
      );
      const certificate = parseCertificate(der);
      expect(certificate.subject).to.deep.include({ commonName: 'agent', organizations: ['agents'] });
      expect(certificate.notAfterMs - api.env.clock.now()).to.equal(3_600_000);
      expect(certificate.isCa).to.equal(false);
      const transport = createInProcessTransport(api.server, { clientCertificates: [der] });
      const error = await failure(createClient(transport).list(csrs));
      expect(String(error)).to.contain('User "agent" cannot list resource');
    });

    it('waits with a certificate that the server would refuse', async () => {
      refused = 'agent';
      const csr = await client.create(csrs, newCsr());
      await approve(csr);
      await api.env.clock.advance(60_000);
      expect((await read(csr)).status).not.to.have.property('certificate');
      refused = undefined;
      await api.env.clock.advance(5000);
      expect((await read(csr)).status).to.have.property('certificate');
    });

    it('says Failed of what it may not issue', async () => {
      const csr = await client.create(csrs, newCsr({ usages: ['server auth'] }));
      await approve(csr);
      await api.env.clock.settle();
      const { status } = await read(csr);
      const failed = status?.conditions?.find(({ type }) => type === 'Failed');
      expect(failed).to.deep.include({ status: 'True', reason: 'SignerValidationFailure' });
      expect(status).not.to.have.property('certificate');
    });

    it('clears away an issued request after an hour, and an undecided one after a day', async () => {
      const decided = await client.create(csrs, newCsr());
      const undecided = await client.create(csrs, newCsr());
      await approve(decided);
      await api.env.clock.advance(59 * 60_000);
      await read(decided);
      await api.env.clock.advance(2 * 60_000);
      expect(await failure(read(decided))).to.have.nested.property('status.code', 404);
      await read(undecided);
      await api.env.clock.advance(24 * 3_600_000);
      expect(await failure(read(undecided))).to.have.nested.property('status.code', 404);
    });
  });
});
