import { createCertificateAuthority, fromPem, generateKeyPair, issueCertificate } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { createFrontProxyAuthenticator } from './front-proxy.js';
import { requestWith } from './testing/request.js';

const hourMs = 3_600_000;

function setUp(allowedNames: readonly string[] = ['front-proxy']) {
  const { clock, random } = createTestEnv();
  const nowMs = clock.now();
  const newAuthority = (commonName: string) =>
    createCertificateAuthority({ commonName, validityMs: 1000 * hourMs, nowMs, random });
  const ca = newAuthority('proxies');
  const issue = (commonName = 'front-proxy', signer = ca): Uint8Array[] => {
    const pem = issueCertificate({
      ca: signer,
      subject: { commonName },
      publicKeyDer: generateKeyPair().publicKeyDer,
      notBeforeMs: nowMs - hourMs,
      notAfterMs: nowMs + hourMs,
      usages: ['client auth'],
      random,
    });
    return [fromPem('CERTIFICATE', pem)];
  };
  const state = { bundle: ca.certificatePem };
  const proxy = createFrontProxyAuthenticator(
    {
      clientCa: () => state.bundle,
      allowedNames,
      usernameHeaders: ['X-Remote-User', 'X-Other-User'],
      uidHeaders: ['X-Remote-Uid'],
      groupHeaders: ['X-Remote-Group'],
      extraHeadersPrefix: ['X-Remote-Extra-'],
    },
    { clock },
  );
  return { clock, newAuthority, issue, state, proxy };
}

const ann = { 'x-remote-user': 'ann' };

describe('createFrontProxyAuthenticator', () => {
  it('takes user, uid, groups and extra values out of the headers', () => {
    const { proxy, issue } = setUp();
    const headers = {
      ...ann,
      'x-remote-uid': 'u-1',
      'x-remote-group': ['a', 'b, c'],
      'x-remote-extra-example.com%2FScope': ['one', 'two'],
      'x-remote-extra-bad%zz': 'kept',
      'x-other': 'nothing',
    };
    expect(proxy.authenticate(requestWith({ headers, clientCertificates: issue() }))).to.deep.equal({
      username: 'ann',
      uid: 'u-1',
      groups: ['a', 'b, c'],
      extra: { 'example.com/scope': ['one', 'two'], 'bad%zz': ['kept'] },
    });
  });

  it('looks at the next header when the first names nobody', () => {
    const { proxy, issue } = setUp();
    const headers = { 'x-remote-user': '', 'x-other-user': 'bob' };
    expect(proxy.authenticate(requestWith({ headers, clientCertificates: issue() }))?.username).to.equal(
      'bob',
    );
  });

  it('has nothing to say without a user or without a certificate', () => {
    const { proxy, issue } = setUp();
    expect(proxy.authenticate(requestWith({ headers: ann }))).to.equal(undefined);
    expect(proxy.authenticate(requestWith({ clientCertificates: issue() }))).to.equal(undefined);
    const headers = { 'x-remote-group': 'system:masters' };
    expect(proxy.authenticate(requestWith({ headers, clientCertificates: issue() }))).to.equal(undefined);
  });

  type Kit = ReturnType<typeof setUp>;
  const refused: [string, (kit: Kit) => Uint8Array[] | Promise<Uint8Array[]>, RegExp][] = [
    [
      'another authority',
      ({ issue, newAuthority }) => issue('front-proxy', newAuthority('other')),
      /not signed/,
    ],
    ['another name', ({ issue }) => issue('somebody'), /common name "somebody" is not allowed/],
    [
      'a certificate that expired since it was first seen',
      async ({ issue, proxy, clock }) => {
        const chain = issue();
        proxy.authenticate(requestWith({ headers: ann, clientCertificates: chain }));
        await clock.advance(2 * hourMs);
        return chain;
      },
      /expired/,
    ],
    [
      'a certificate whose authority was taken away since',
      ({ issue, proxy, state, newAuthority }) => {
        const chain = issue();
        proxy.authenticate(requestWith({ headers: ann, clientCertificates: chain }));
        state.bundle = newAuthority('new').certificatePem;
        return chain;
      },
      /not signed/,
    ],
  ];
  for (const [what, chainOf, reason] of refused) {
    it(`answers 401 to ${what}`, async () => {
      const kit = setUp();
      const clientCertificates = await chainOf(kit);
      expect(() => kit.proxy.authenticate(requestWith({ headers: ann, clientCertificates })))
        .to.throw(reason)
        .with.nested.property('status.code', 401);
    });
  }

  it('takes any name of the authority when no names are given', () => {
    const { proxy, issue } = setUp([]);
    const request = requestWith({ headers: ann, clientCertificates: issue('somebody') });
    expect(proxy.authenticate(request)?.username).to.equal('ann');
  });
});
