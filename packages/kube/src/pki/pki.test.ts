import { execFileSync } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNodeRandom } from '../node/random.js';
import { parseCertificate, publicKeyHash } from './certificate.js';
import { createCertificateRequest, parseCertificateRequest } from './certificate-request.js';
import { createCertificateAuthority, issueCertificate } from './issue.js';
import { generateKeyPair } from './keys.js';
import { fromPem, toPem } from './pem.js';
import { verifyChain } from './verify-chain.js';

const random = createNodeRandom();
const nowMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;
const ca = createCertificateAuthority({ commonName: 'test-ca', validityMs: 24 * hourMs, nowMs, random });

type IssueOptions = Parameters<typeof issueCertificate>[0];

function issue(overrides: Partial<IssueOptions> = {}): string {
  return issueCertificate({
    ca,
    subject: { commonName: 'user', organizations: ['b', 'a'] },
    publicKeyDer: generateKeyPair().publicKeyDer,
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
    usages: ['digital signature', 'client auth'],
    random,
    ...overrides,
  });
}

describe('certificates and requests beside openssl', () => {
  let directory: string;
  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'pki-'));
  });
  after(() => rmSync(directory, { recursive: true }));

  const file = (name: string): string => join(directory, name);
  const openssl = (...args: string[]): string =>
    execFileSync('openssl', args, { cwd: directory, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });
  const write = (name: string, text: string): void => writeFileSync(file(name), text);

  const purposes: [string, string][] = [
    ['server auth', 'sslserver'],
    ['client auth', 'sslclient'],
  ];
  for (const [usage, purpose] of purposes) {
    it(`makes certificates for ${usage} that openssl accepts at its strictest`, () => {
      write('ca.pem', ca.certificatePem);
      write(
        'leaf.pem',
        issue({
          usages: ['digital signature', usage],
          dnsNames: ['hub', '*.hub.example'],
          ipAddresses: ['127.0.0.1', '::1'],
        }),
      );
      const time = ['-attime', String(nowMs / 1000)];
      const trust = ['-x509_strict', '-purpose', purpose, '-CAfile', 'ca.pem'];
      expect(openssl('verify', ...trust, ...time, 'leaf.pem')).to.contain('OK');
      const text = openssl('x509', '-in', 'leaf.pem', '-noout', '-text');
      expect(text).to.match(/Subject: O = b, O = a, CN = user/);
      expect(text).to.contain('DNS:hub, DNS:*.hub.example, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
    });
  }

  it('writes times past 2049 in the form that such times need', () => {
    const notAfterMs = Date.UTC(2051, 5, 7, 8, 9, 10);
    const validityMs = notAfterMs - nowMs;
    const lasting = createCertificateAuthority({ commonName: 'lasting', validityMs, nowMs, random });
    write('late.pem', issue({ notAfterMs: notAfterMs + hourMs, ca: lasting }));
    expect(openssl('x509', '-in', 'late.pem', '-noout', '-enddate')).to.contain('Jun  7 08:09:10 2051 GMT');
    expect(parseCertificate(readFileSync(file('late.pem'), 'utf8')).notAfterMs).to.equal(notAfterMs);
  });

  const keyKinds: [string, () => string][] = [
    ['EC P-256', () => generateKeyPair().privateKeyPem],
    ['EC P-384', () => exported(generateKeyPairSync('ec', { namedCurve: 'secp384r1' }).privateKey)],
    ['RSA', () => exported(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey)],
    ['Ed25519', () => exported(generateKeyPairSync('ed25519').privateKey)],
  ];
  for (const [name, makeKey] of keyKinds) {
    it(`makes requests with ${name} keys that openssl verifies, and reads them back`, () => {
      const names = { dnsNames: ['a.b'], ipAddresses: ['10.0.0.1', '2001:db8::1'] };
      const subject = { commonName: 'system:a:b', organizations: ['o1', 'Größe'] };
      const pem = createCertificateRequest({ privateKeyPem: makeKey(), ...subject, ...names });
      write('made.csr', pem);
      openssl('req', '-in', 'made.csr', '-noout', '-verify'); // a wrong signature is a failed command
      expect(parseCertificateRequest(pem)).to.deep.include({ ...subject, ...names, isCa: false });
    });
  }

  const foreign: [string, readonly string[], object][] = [
    [
      'RSA with names',
      ['-newkey', 'rsa:2048', '-subj', '/O=g/O=h/CN=u', '-addext', 'subjectAltName=DNS:x.y,IP:10.0.0.1'],
      {
        commonName: 'u',
        organizations: ['g', 'h'],
        keyType: 'rsa',
        dnsNames: ['x.y'],
        ipAddresses: ['10.0.0.1'],
      },
    ],
    [
      'EC with a wish to be an authority',
      [
        '-newkey',
        'ec',
        '-pkeyopt',
        'ec_paramgen_curve:P-256',
        '-subj',
        '/CN=u',
        '-addext',
        'basicConstraints=critical,CA:TRUE',
      ],
      { commonName: 'u', organizations: [], keyType: 'ec', isCa: true },
    ],
    [
      'Ed25519 with UTF-8 text',
      ['-newkey', 'ed25519', '-utf8', '-subj', '/O=Köln/CN=ü'],
      { commonName: 'ü', organizations: ['Köln'], keyType: 'ed25519' },
    ],
    [
      'RSA signed with SHA-512',
      ['-newkey', 'rsa:3072', '-sha512', '-subj', '/CN=u'],
      { commonName: 'u', keyType: 'rsa' },
    ],
  ];
  for (const [name, args, expected] of foreign) {
    it(`reads openssl's request: ${name}`, () => {
      openssl('req', '-new', '-nodes', '-keyout', 'k.pem', '-out', 'foreign.csr', ...args);
      expect(parseCertificateRequest(readFileSync(file('foreign.csr'), 'utf8'))).to.deep.include(expected);
    });
  }

  const refused: [string, readonly string[], RegExp][] = [
    ['a key too short', ['-newkey', 'rsa:1024'], /1024 bits is too short/],
    ['SHA-1', ['-newkey', 'rsa:2048', '-sha1'], /signature algorithm .* is not supported/],
    ['another curve', ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:secp256k1'], /curve secp256k1/],
  ];
  for (const [name, args, expected] of refused) {
    it(`refuses openssl's request with ${name}`, () => {
      openssl('req', '-new', '-nodes', '-keyout', 'k.pem', '-out', 'weak.csr', '-subj', '/CN=u', ...args);
      const text = readFileSync(file('weak.csr'), 'utf8');
      expect(() => parseCertificateRequest(text))
        .to.throw(expected)
        .with.property('name', 'PkiError');
    });
  }
});

function exported(key: { export(options: { type: 'pkcs8'; format: 'pem' }): string | Buffer }): string {
  return key.export({ type: 'pkcs8', format: 'pem' }).toString();
}

describe('parseCertificateRequest', () => {
  const make = (commonName: string): string =>
    createCertificateRequest({
      privateKeyPem: generateKeyPair().privateKeyPem,
      commonName,
      organizations: [],
    });

  it('refuses a request that was changed after signing', () => {
    const der = Buffer.from(fromPem('CERTIFICATE REQUEST', make('aaaa')));
    der[der.indexOf('aaaa')] = 'b'.charCodeAt(0);
    expect(() => parseCertificateRequest(toPem('CERTIFICATE REQUEST', der))).to.throw(/does not fit its key/);
  });

  it('looks at each text for itself, also when it has read the same key before', () => {
    const { privateKeyPem } = generateKeyPair();
    const asked = (commonName: string): string =>
      createCertificateRequest({ privateKeyPem, commonName, organizations: [] });
    const [one, other] = [asked('one'), asked('other')];
    expect(parseCertificateRequest(one)).to.equal(parseCertificateRequest(one));
    expect(parseCertificateRequest(other).commonName).to.equal('other');
    // The subject of the one under the signature of the other.
    const der = Buffer.from(fromPem('CERTIFICATE REQUEST', one));
    der[der.indexOf('one')] = 'a'.charCodeAt(0);
    expect(() => parseCertificateRequest(toPem('CERTIFICATE REQUEST', der))).to.throw('does not fit its key');
  });

  it('refuses two requests in one text', () => {
    expect(() => parseCertificateRequest(make('a') + make('b'))).to.throw(/more than one/);
  });

  it('never fails otherwise than with its own error, wherever one byte is changed', () => {
    const der = Buffer.from(fromPem('CERTIFICATE REQUEST', make('user')));
    for (let index = 0; index < der.length; index++) {
      for (const mask of [0x01, 0x80, 0xff]) {
        const changed = Buffer.from(der);
        changed[index] = (changed[index] ?? 0) ^ mask;
        const pem = toPem('CERTIFICATE REQUEST', changed);
        expect(() => parseCertificateRequest(pem), `byte ${index} ^ ${mask}`)
          .to.throw()
          .with.property('name', 'PkiError');
      }
    }
  });

  const garbage: [string, string][] = [
    ['nothing', ''],
    ['words', 'hello'],
    ['an empty block', '-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----'],
    ['no DER', '-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----'],
    ['no base64', '-----BEGIN CERTIFICATE REQUEST-----\n!!!!\n-----END CERTIFICATE REQUEST-----'],
    ['a certificate', ca.certificatePem],
  ];
  for (const [name, text] of garbage) {
    it(`says what is wrong with ${name}`, () =>
      expect(() => parseCertificateRequest(text))
        .to.throw()
        .with.property('name', 'PkiError'));
  }
});

describe('parseCertificate', () => {
  it('reads subject, names, validity and key', () => {
    const { publicKeyDer } = generateKeyPair();
    const leaf = parseCertificate(issue({ publicKeyDer, dnsNames: ['x'], ipAddresses: ['::ffff:1.2.3.4'] }));
    expect(leaf.subject).to.deep.equal({
      commonName: 'user',
      organizations: ['b', 'a'],
      organizationalUnits: [],
    });
    expect(leaf.issuer.commonName).to.equal('test-ca');
    expect(leaf.dnsNames).to.deep.equal(['x']);
    expect(leaf.ipAddresses).to.deep.equal(['::ffff:102:304']);
    expect([leaf.notBeforeMs, leaf.notAfterMs]).to.deep.equal([nowMs - hourMs, nowMs + hourMs]);
    expect(leaf.isCa).to.equal(false);
    expect(Buffer.compare(leaf.publicKeyDer, publicKeyDer)).to.equal(0);
  });

  it('names the key of an authority as kubeadm does', () => {
    expect(publicKeyHash(ca.certificatePem)).to.match(/^sha256:[0-9a-f]{64}$/);
  });

  it('is signed by the authority that was asked, also when another was before', () => {
    const other = createCertificateAuthority({ commonName: 'other', validityMs: hourMs, nowMs, random });
    for (const each of [ca, other, ca]) {
      const [own, foreign] = each === ca ? [ca, other] : [other, ca];
      const verifying = { nowMs, usage: 'clientAuth' as const };
      const leaf = issue({ ca: each });
      expect(verifyChain(leaf, { ...verifying, cas: [own.certificatePem] }).length).to.equal(2);
      expect(() => verifyChain(leaf, { ...verifying, cas: [foreign.certificatePem] })).to.throw('trusted');
    }
    const mixed = { certificatePem: ca.certificatePem, privateKeyPem: other.privateKeyPem };
    expect(() => issue({ ca: mixed })).to.throw('the signing key is not the key');
  });

  it('gives every certificate a serial number of its own', () => {
    const serials = new Set(Array.from({ length: 50 }, () => parseCertificate(issue()).serialNumber));
    expect(serials.size).to.equal(50);
  });
});
