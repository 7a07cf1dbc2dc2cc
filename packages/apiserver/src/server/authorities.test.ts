import {
  type CertificateAuthority,
  generateKeyPair,
  isIssuedBy,
  issueCertificate,
  splitCertificates,
} from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { beginRoll, dropOld, ensureAuthorities, promoteNext } from './authorities.js';
import { ensureServerPki, leafRenewalMs } from './server-pki.js';

const hourMs = 3_600_000;

describe('the authorities of a server', () => {
  const newOptions = () => ({ env: createTestEnv(), directory: '/pki', caName: 'hub' });

  it('are one, which stays', async () => {
    const options = newOptions();
    const first = await ensureAuthorities(options);
    expect(first.phase).to.equal('stable');
    expect(first.signing).to.equal(first.serving);
    expect(first.trusted).to.equal(first.serving.certificatePem);
    expect(await ensureAuthorities(options)).to.deep.equal(first);
  });

  it('become two that are trusted, then the next alone', async () => {
    const options = newOptions();
    const { serving: old } = await ensureAuthorities(options);
    await beginRoll(options);
    const spreading = await ensureAuthorities(options);
    expect(spreading.phase).to.equal('spreading');
    expect(spreading.serving).to.deep.equal(old);
    expect(spreading.signing).not.to.deep.equal(old);
    expect(spreading.trusted).to.equal(old.certificatePem + spreading.signing.certificatePem);
    await promoteNext(options);
    const retiring = await ensureAuthorities(options);
    expect(retiring.phase).to.equal('retiring');
    expect(retiring.serving).to.deep.equal(spreading.signing);
    expect(retiring.trusted).to.equal(spreading.signing.certificatePem + old.certificatePem);
    await dropOld(options);
    const { phase, trusted } = await ensureAuthorities(options);
    expect([phase, trusted]).to.deep.equal(['stable', spreading.signing.certificatePem]);
  });

  it('take each step once, in order', async () => {
    const options = newOptions();
    const first = await ensureAuthorities(options);
    await promoteNext(options);
    await dropOld(options);
    expect(await ensureAuthorities(options)).to.deep.equal(first);
    await beginRoll(options);
    const spreading = await ensureAuthorities(options);
    await beginRoll(options);
    await dropOld(options);
    expect(await ensureAuthorities(options)).to.deep.equal(spreading);
  });

  it('are never without a pair that fits, wherever a step is interrupted', async () => {
    for (const step of [beginRoll, promoteNext, dropOld]) {
      for (let writes = 0; writes < 6; writes++) {
        const options = newOptions();
        const { serving: old } = await ensureAuthorities(options);
        if (step !== beginRoll) await beginRoll(options);
        if (step === dropOld) await promoteNext(options);
        let left = writes;
        const { files } = options.env;
        const stop =
          <A extends unknown[], R>(fn: (...args: A) => Promise<R>) =>
          async (...args: A): Promise<R> => {
            if (left-- <= 0) throw new Error('killed');
            return fn(...args);
          };
        const env = {
          ...options.env,
          files: {
            ...files,
            read: files.read.bind(files),
            write: stop(files.write.bind(files)),
            remove: stop(files.remove.bind(files)),
          },
        };
        await step({ ...options, env: env as typeof options.env }).catch((error: Error) => {
          expect(error.message).to.equal('killed');
        });
        const after = await ensureAuthorities(options);
        fits(after.serving);
        fits(after.signing);
        const trusted = splitCertificates(after.trusted).map((der) => Buffer.from(der).toString('hex'));
        for (const pair of [after.serving, after.signing]) {
          const [der = new Uint8Array()] = splitCertificates(pair.certificatePem);
          expect(trusted).to.include(Buffer.from(der).toString('hex'));
        }
        if (after.phase !== 'stable') expect(after.trusted).to.contain(old.certificatePem);
      }
    }
  });

  /** @throws PkiError when the key is not that of the certificate. */
  function fits(ca: CertificateAuthority): void {
    const { publicKeyDer } = generateKeyPair();
    const { random, clock } = createTestEnv();
    const subject = { commonName: 'x' };
    const times = { notBeforeMs: clock.now(), notAfterMs: clock.now() + hourMs };
    const leaf = issueCertificate({ ca, publicKeyDer, subject, ...times, usages: ['client auth'], random });
    expect(isIssuedBy(leaf, ca.certificatePem)).to.equal(true);
  }
});

describe('the certificates of a server', () => {
  const servingLifeMs = 30_000;
  const newOptions = () => ({
    env: createTestEnv(),
    directory: '/pki',
    caName: 'hub',
    dnsNames: ['hub.example'],
    ipAddresses: [],
    servingLifeMs,
  });

  it('are made again in the last third of a short life, and not before', async () => {
    const options = newOptions();
    const { servingCertificate: first, adminCertificate } = await ensureServerPki(options);
    expect(leafRenewalMs(first)).to.equal(options.env.clock.now() + 20_000);
    await options.env.clock.advance(19_000);
    expect((await ensureServerPki(options)).servingCertificate).to.equal(first);
    await options.env.clock.advance(2000);
    const later = await ensureServerPki(options);
    expect(later.servingCertificate).not.to.equal(first);
    expect(later.adminCertificate).to.equal(adminCertificate);
  });

  it('come from the authority that serves, as soon as it does', async () => {
    const options = newOptions();
    const before = await ensureServerPki(options);
    await beginRoll(options);
    const spreading = await ensureServerPki(options);
    expect(spreading.servingCertificate).to.equal(before.servingCertificate);
    expect(spreading.ca).not.to.deep.equal(before.ca);
    await promoteNext(options);
    const after = await ensureServerPki(options);
    for (const pem of [after.servingCertificate, after.adminCertificate]) {
      expect(isIssuedBy(pem, spreading.ca.certificatePem)).to.equal(true);
    }
  });
});
