import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createNodeRandom } from '../node/random.js';
import { parseCertificate } from './certificate.js';
import { type CertificateAuthority, createCertificateAuthority, issueCertificate } from './issue.js';
import { generateKeyPair } from './keys.js';
import { fromPem } from './pem.js';
import type { VerifyOptions } from './verify-chain.js';
import { verifyChain } from './verify-chain.js';

const random = createNodeRandom();
const nowMs = Date.UTC(2026, 0, 1);
const hourMs = 3_600_000;

function authority(commonName: string): CertificateAuthority {
  return createCertificateAuthority({ commonName, validityMs: 24 * hourMs, nowMs, random });
}

const ca = authority('test-ca');
const sameName = authority('test-ca');

function issue(overrides: Partial<Parameters<typeof issueCertificate>[0]> = {}): string {
  return issueCertificate({
    ca,
    subject: { commonName: 'user' },
    publicKeyDer: generateKeyPair().publicKeyDer,
    notBeforeMs: nowMs - hourMs,
    notAfterMs: nowMs + hourMs,
    usages: ['digital signature', 'client auth'],
    random,
    ...overrides,
  });
}

function verify(leaf: string, overrides: Partial<VerifyOptions> = {}): number {
  const leafDer = fromPem('CERTIFICATE', leaf);
  const cas = [sameName.certificatePem, ca.certificatePem];
  return verifyChain(leafDer, { cas, nowMs, usage: 'clientAuth', ...overrides }).length;
}

describe('verifyChain', () => {
  it('believes what a trusted authority signed, also among others of its name', () => {
    expect(verify(issue())).to.equal(2);
    expect(verify(issue(), { cas: [sameName.certificatePem + ca.certificatePem] })).to.equal(2);
  });

  it('believes a certificate until the last moment of its validity', () => {
    expect(verify(issue(), { nowMs: nowMs + hourMs })).to.equal(2);
  });

  const refusals: [string, () => void, RegExp][] = [
    [
      'another authority of the same name',
      () => verify(issue(), { cas: [sameName.certificatePem] }),
      /not signed/,
    ],
    ['no authority at all', () => verify(issue(), { cas: [] }), /not signed/],
    [
      'an expired certificate',
      () => verify(issue(), { nowMs: nowMs + 2 * hourMs }),
      /expired at 2026-01-01T01/,
    ],
    ['a certificate of the future', () => verify(issue({ notBeforeMs: nowMs + 1000 })), /not valid before/],
    [
      'a server certificate for a client',
      () => verify(issue({ usages: ['server auth'] })),
      /not for clients/,
    ],
    ['a client certificate for a server', () => verify(issue(), { usage: 'serverAuth' }), /not for servers/],
    ['a certificate signed by an end entity', () => verifyUnderLeaf(), /not signed by an authority/],
  ];
  for (const [name, act, expected] of refusals) {
    it(`refuses ${name}`, () => expect(act).to.throw(expected).with.property('name', 'PkiError'));
  }

  it('never believes after one bit of the certificate was changed', () => {
    const der = Buffer.from(fromPem('CERTIFICATE', issue()));
    for (let index = 0; index < der.length; index++) {
      const changed = Buffer.from(der);
      changed[index] = (changed[index] ?? 0) ^ 0x04;
      const act = (): unknown =>
        verifyChain(changed, { cas: [ca.certificatePem], nowMs, usage: 'clientAuth' });
      expect(act, `byte ${index}`).to.throw().with.property('name', 'PkiError');
    }
  });

  /** The forger has a good client certificate in the authority's own name, and its key signs another one. */
  function verifyUnderLeaf(): void {
    const forger = authority('test-ca');
    const { publicKeyDer } = parseCertificate(forger.certificatePem);
    const stepping = issue({ subject: { commonName: 'test-ca' }, publicKeyDer });
    verify(issue({ ca: forger }), { intermediates: [fromPem('CERTIFICATE', stepping)] });
  }

  describe('with an authority of several levels, made by openssl', () => {
    let directory: string;
    before(() => {
      directory = mkdtempSync(join(tmpdir(), 'chain-'));
      const openssl = (...args: string[]): void => {
        execFileSync('openssl', args, { cwd: directory, stdio: 'pipe' });
      };
      const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
      const days = ['-days', '36500'];
      openssl(
        'req',
        '-x509',
        ...key,
        ...days,
        '-keyout',
        'root.key',
        '-out',
        'root.pem',
        '-subj',
        '/CN=root',
      );
      const sign = (name: string, issuer: string, extensions: string): void => {
        writeFileSync(join(directory, `${name}.ext`), extensions);
        openssl(
          'req',
          ...key,
          '-new',
          '-keyout',
          `${name}.key`,
          '-out',
          `${name}.csr`,
          '-subj',
          `/CN=${name}`,
        );
        const by = ['-CA', `${issuer}.pem`, '-CAkey', `${issuer}.key`, '-CAcreateserial'];
        openssl(
          'x509',
          '-req',
          '-in',
          `${name}.csr`,
          ...by,
          ...days,
          '-out',
          `${name}.pem`,
          '-extfile',
          `${name}.ext`,
        );
      };
      sign('middle', 'root', 'basicConstraints=critical,CA:TRUE,pathlen:0\nkeyUsage=critical,keyCertSign');
      sign('leaf', 'middle', 'extendedKeyUsage=clientAuth');
      sign('fake', 'root', 'basicConstraints=critical,CA:FALSE');
      sign('under-fake', 'fake', 'extendedKeyUsage=clientAuth');
      sign('deep', 'middle', 'basicConstraints=critical,CA:TRUE');
      sign('too-deep', 'deep', 'extendedKeyUsage=clientAuth');
      sign('strange', 'root', 'extendedKeyUsage=clientAuth\n1.2.3.4=critical,ASN1:UTF8String:x');
    });
    after(() => rmSync(directory, { recursive: true }));

    const read = (name: string): string => readFileSync(join(directory, `${name}.pem`), 'utf8');
    const verifyUnder = (name: string, ...intermediates: string[]): number =>
      verify(read(name), {
        cas: [read('root')],
        intermediates: intermediates.map((one) => fromPem('CERTIFICATE', read(one))),
        nowMs: Date.now(), // openssl begins validity when it runs
      });

    it('finds the path over an intermediate that the peer sent, in any order', () => {
      expect(verifyUnder('leaf', 'middle')).to.equal(3);
      expect(verifyUnder('leaf', 'leaf', 'fake', 'middle', 'root')).to.equal(3);
    });

    const deepRefusals: [string, string, string[], RegExp][] = [
      ['a path with a gap', 'leaf', [], /not signed/],
      ['an intermediate that is no authority', 'under-fake', ['fake'], /not signed by an authority/],
      ['more levels than an authority allows', 'too-deep', ['deep', 'middle'], /longer than/],
      ['an unknown critical extension', 'strange', [], /unknown critical extension 1\.2\.3\.4/],
    ];
    for (const [name, leaf, intermediates, expected] of deepRefusals) {
      it(`refuses ${name}`, () => {
        expect(() => verifyUnder(leaf, ...intermediates)).to.throw(expected);
      });
    }
  });
});
