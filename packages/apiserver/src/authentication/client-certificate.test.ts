import { createCertificateAuthority, fromPem, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import type { CertificateRules } from './certificate-rules.js';
import { createClientCertificateAuthenticator } from './client-certificate.js';

const hourMs = 3_600_000;

function setUp() {
  const { clock, random } = createTestEnv();
  const nowMs = clock.now();
  const newAuthority = (commonName: string) =>
    createCertificateAuthority({ commonName, validityMs: 1000 * hourMs, nowMs, random });
  const ca = newAuthority('clients');
  const issue = (overrides: Partial<Parameters<typeof issueCertificate>[0]> = {}): Uint8Array[] => {
    const pem = issueCertificate({
      ca,
      subject: { commonName: 'agent', organizations: ['g2', 'g1'] },
      publicKeyDer: generateKeyPair().publicKeyDer,
      notBeforeMs: nowMs - hourMs,
      notAfterMs: nowMs + hourMs,
      usages: ['client auth'],
      random,
      ...overrides,
    });
    return [fromPem('CERTIFICATE', pem)];
  };
  const state = { bundle: ca.certificatePem };
  const authenticator = createClientCertificateAuthenticator({ clock, clientCa: () => state.bundle });
  return { clock, newAuthority, ca, issue, state, authenticator };
}

describe('createClientCertificateAuthenticator', () => {
  it('takes user, groups and credential id from the certificate', () => {
    const { authenticator, issue } = setUp();
    const user = authenticator.authenticate(issue());
    expect(user?.username).to.equal('agent');
    expect(user?.groups).to.deep.equal(['g2', 'g1']);
    expect(user?.extra?.['authentication.kubernetes.io/credential-id']?.[0]).to.match(
      /^X509SHA256=[0-9a-f]{64}$/,
    );
  });

  it('has nothing to say of an empty chain', () => {
    expect(setUp().authenticator.authenticate([])).to.equal(undefined);
  });

  it('stops believing a certificate that it knows when its time is over', async () => {
    const { authenticator, clock, issue } = setUp();
    const chain = issue();
    authenticator.authenticate(chain);
    await clock.advance(hourMs);
    expect(authenticator.authenticate(chain)?.username).to.equal('agent');
    await clock.advance(1);
    expect(() => authenticator.authenticate(chain)).to.throw(/expired/);
  });

  it('stops believing a certificate that it knows when its authority is taken away', () => {
    const { authenticator, ca, issue, newAuthority, state } = setUp();
    const chain = issue();
    authenticator.authenticate(chain);
    const next = newAuthority('clients');
    state.bundle = ca.certificatePem + next.certificatePem;
    expect(authenticator.authenticate(chain)?.username).to.equal('agent');
    state.bundle = next.certificatePem;
    expect(() => authenticator.authenticate(chain)).to.throw(/not signed/);
  });

  const refused: [string, (kit: ReturnType<typeof setUp>) => Uint8Array[], RegExp][] = [
    ['a server certificate', ({ issue }) => issue({ usages: ['server auth'] }), /not for clients/],
    [
      'no common name',
      ({ issue }) => issue({ subject: { commonName: '', organizations: ['system:masters'] } }),
      /no common name/,
    ],
    ['another authority', ({ issue, newAuthority }) => issue({ ca: newAuthority('clients') }), /not signed/],
    [
      'its own authority among the intermediates',
      ({ issue, newAuthority }) => {
        const own = newAuthority('own');
        return [...issue({ ca: own }), fromPem('CERTIFICATE', own.certificatePem)];
      },
      /not signed/,
    ],
    ['no certificate at all', () => [Buffer.from('hello')], /Unauthorized/],
  ];
  for (const [name, chainOf, expected] of refused) {
    it(`answers 401 to ${name}`, () => {
      const kit = setUp();
      expect(() => kit.authenticator.authenticate(chainOf(kit)))
        .to.throw(expected)
        .with.nested.property('status.code', 401);
    });
  }
});

describe('the rules of an embedding program about client certificates', () => {
  function withRules(rules: CertificateRules) {
    const kit = setUp();
    const clientCa = (): string => kit.state.bundle;
    return {
      ...kit,
      authenticator: createClientCertificateAuthenticator({ clock: kit.clock, clientCa, rules }),
    };
  }

  it('refuse one that is in order, in their own words, also one that was believed before', () => {
    const voided = new Set<string>();
    const { authenticator, issue } = withRules({
      refuses: ({ subject }) => (voided.has(subject.commonName) ? 'the hub revoked it' : undefined),
    });
    const chain = issue();
    expect(authenticator.authenticate(chain)?.username).to.equal('agent');
    voided.add('agent');
    expect(() => authenticator.authenticate(chain)).to.throw('Unauthorized: the hub revoked it');
    expect(authenticator.authenticate(issue({ subject: { commonName: 'other' } }))?.username).to.equal(
      'other',
    );
  });

  it('say whom one stands for whose time is over, each time anew', async () => {
    let isKnown = true;
    const { authenticator, clock, issue } = withRules({
      whenExpired: ({ subject }, nowMs) =>
        isKnown ? { username: `expired:${subject.commonName}@${nowMs}`, groups: ['g'] } : undefined,
    });
    const chain = issue();
    expect(authenticator.authenticate(chain)?.username).to.equal('agent');
    await clock.advance(hourMs + 1);
    expect(authenticator.authenticate(chain)).to.deep.equal({
      username: `expired:agent@${clock.now()}`,
      groups: ['g'],
    });
    isKnown = false;
    expect(() => authenticator.authenticate(chain)).to.throw(/expired/);
  });

  it('are not asked about one that was never in order', async () => {
    const asked: string[] = [];
    const { authenticator, clock, issue, newAuthority } = withRules({
      refuses: ({ subject }) => void asked.push(subject.commonName) as undefined,
      whenExpired: () => ({ username: 'somebody', groups: [] }),
    });
    await clock.advance(hourMs + 1);
    for (const [chain, why] of [
      [issue({ ca: newAuthority('clients') }), /not signed/],
      [issue({ usages: ['server auth'] }), /not for clients/],
    ] as const)
      expect(() => authenticator.authenticate(chain)).to.throw(why);
    expect(asked).to.deep.equal([]);
  });
});
