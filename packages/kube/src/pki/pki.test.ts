import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNodeRandom } from '../node/random.js';
import {
  createCertificateAuthority,
  issueCertificate,
  parseCertificate,
  publicKeyHash,
  verifyChain,
} from './certificate.js';
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.js';
import { toPem } from './der.js';
import { ipBytes, ipText } from './ip.js';
import { generateKeyPair } from './keys.js';

const random = createNodeRandom();
const nowMs = Date.UTC(2026, 0, 1);
const hour = 3_600_000;
const ca = createCertificateAuthority({ commonName: 'test-ca', validityMs: 24 * hour, nowMs, random });

function issue(overrides: object = {}): string {
  const keys = generateKeyPair();
  return issueCertificate({
    ca,
    subject: { commonName: 'user', organizations: ['b', 'a'] },
    publicKeyDer: keys.publicKeyDer,
    notBeforeMs: nowMs - hour,
    notAfterMs: nowMs + hour,
    usages: ['digital signature', 'client auth'],
    random,
    ...overrides,
  });
}

describe('pki', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'pki-'));
  });
  after(() => rmSync(directory, { recursive: true }));
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8' });

  it('makes certificates that openssl verifies', () => {
    writeFileSync(join(directory, 'ca.pem'), ca.certificatePem);
    const leaf = issue({
      usages: ['digital signature', 'server auth'],
      dnsNames: ['hub'],
      ipAddresses: ['127.0.0.1', '::1'],
    });
    writeFileSync(join(directory, 'leaf.pem'), leaf);
    const at = String(nowMs / 1000);
    expect(
      openssl(
        'verify',
        '-x509_strict',
        '-purpose',
        'sslserver',
        '-attime',
        at,
        '-CAfile',
        'ca.pem',
        'leaf.pem',
      ),
    ).to.contain('OK');
    const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text');
    expect(text).to.contain('DNS:hub').and.to.contain('IP Address:127.0.0.1');
  });

  it('makes requests that openssl verifies, and reads them back', () => {
    const { privateKeyPem } = generateKeyPair();
    expect(privateKeyPem).to.match(/^-----BEGIN EC PRIVATE KEY-----/);
    const pem = createCertificateRequest({ privateKeyPem, commonName: 'a:b', organizations: ['o1', 'o2'] });
    writeFileSync(join(directory, 'r.csr'), pem);
    expect(openssl('req', '-in', 'r.csr', '-noout', '-subject', '-verify')).to.contain('CN = a:b');
    expect(parseCertificateRequest(pem)).to.deep.include({
      commonName: 'a:b',
      organizations: ['o1', 'o2'],
      dnsNames: [],
      keyType: 'ec',
    });
  });

  it('reads a request with alternative names that openssl made', () => {
    openssl(
      'req',
      '-new',
      '-newkey',
      'rsa:2048',
      '-nodes',
      '-keyout',
      'k.pem',
      '-out',
      'o.csr',
      '-subj',
      '/O=g/CN=u',
      '-addext',
      'subjectAltName=DNS:x.y,IP:10.0.0.1',
    );
    const parsed = parseCertificateRequest(
      execFileSync('cat', [join(directory, 'o.csr')], { encoding: 'utf8' }),
    );
    expect(parsed).to.deep.include({
      commonName: 'u',
      keyType: 'rsa',
      dnsNames: ['x.y'],
      ipAddresses: ['10.0.0.1'],
    });
  });

  it('refuses a request that was changed after signing', () => {
    const pem = createCertificateRequest({
      privateKeyPem: generateKeyPair().privateKeyPem,
      commonName: 'aaaa',
      organizations: [],
    });
    const der = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
    der[der.indexOf('aaaa')] = 'b'.charCodeAt(0);
    expect(() => parseCertificateRequest(toPem('CERTIFICATE REQUEST', der))).to.throw(/does not fit its key/);
  });

  const garbage: [string, string][] = [
    ['nothing', ''],
    ['words', 'hello'],
    ['empty block', '-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----'],
    ['no DER', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'],
  ];
  for (const [name, text] of garbage) {
    it(`says what is wrong with ${name}`, () =>
      expect(() => parseCertificateRequest(text))
        .to.throw()
        .with.property('name', 'PkiError'));
  }

  it('reads subject, validity and key', () => {
    const leaf = parseCertificate(issue());
    expect(leaf.subject).to.deep.equal({
      commonName: 'user',
      organizations: ['b', 'a'],
      organizationalUnits: [],
    });
    expect(leaf.notAfterMs).to.equal(nowMs + hour);
    expect(leaf.isCa).to.equal(false);
    expect(publicKeyHash(ca.certificatePem)).to.match(/^sha256:[0-9a-f]{64}$/);
  });

  describe('verifyChain', () => {
    const other = createCertificateAuthority({ commonName: 'test-ca', validityMs: hour, nowMs, random });
    const verify = (leaf: string, overrides: object = {}): void =>
      verifyChain(leaf, {
        cas: [other.certificatePem, ca.certificatePem],
        nowMs,
        usage: 'clientAuth',
        ...overrides,
      });
    it('accepts what a trusted authority signed', () => verify(issue()));
    const refusals: [string, () => void, RegExp][] = [
      [
        'another authority of the same name',
        () => verify(issue(), { cas: [other.certificatePem] }),
        /not signed/,
      ],
      ['an expired certificate', () => verify(issue(), { nowMs: nowMs + 2 * hour }), /expired/],
      [
        'a certificate of the future',
        () => verify(issue(), { nowMs: nowMs - 2 * hour, cas: [ca.certificatePem] }),
        /not valid before/,
      ],
      [
        'a server certificate for a client',
        () => verify(issue({ usages: ['server auth'] })),
        /not for clients/,
      ],
      ['an end entity as authority', () => verify(issue(), { cas: [issue()] }), /not signed/],
    ];
    for (const [name, act, expected] of refusals) it(`refuses ${name}`, () => expect(act).to.throw(expected));
  });

  for (const address of ['10.0.0.1', '::1', 'fe80::1', '2001:db8::8:800:200c:417a']) {
    it(`keeps the address ${address}`, () => expect(ipText(ipBytes(address))).to.equal(address));
  }
});
