import { createCertificateAuthority } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { followHubCertificates } from './hub-certificates.js';

const dayMs = 86_400_000;
/** What is issued holds for an hour before. */
const notBeforeMs = -3_600_000;

const { random } = createTestEnv();

function authority(commonName: string, notAfterMs: number): string {
  return createCertificateAuthority({ commonName, validityMs: notAfterMs, nowMs: 0, random }).certificatePem;
}

describe('the certificates of the hub', () => {
  it('are the leaf that is served and all authorities, with their lives', () => {
    const [first, second] = [authority('first', 30 * dayMs), authority('second', 60 * dayMs)];
    const serving = authority('leaf', 10 * dayMs) + first;
    const certificates = followHubCertificates({
      serving,
      authorities: first + second,
      onChange: () => undefined,
    });
    expect(certificates.list()).to.deep.equal([
      { role: 'serving', notBeforeMs, notAfterMs: 10 * dayMs },
      { role: 'authority', notBeforeMs, notAfterMs: 30 * dayMs },
      { role: 'authority', notBeforeMs, notAfterMs: 60 * dayMs },
    ]);
  });

  it('are taken apart once, and again when one of them is another', () => {
    const source = {
      serving: authority('leaf', 10 * dayMs),
      authorities: authority('first', 30 * dayMs),
      onChange: () => undefined,
    };
    const certificates = followHubCertificates(source);
    const before = certificates.list();
    expect(certificates.list()).to.equal(before);
    source.authorities = authority('second', 60 * dayMs);
    expect(certificates.list().map(({ notAfterMs }) => notAfterMs)).to.deep.equal([10 * dayMs, 60 * dayMs]);
    source.serving = authority('leaf', 20 * dayMs);
    expect(certificates.list().map(({ notAfterMs }) => notAfterMs)).to.deep.equal([20 * dayMs, 60 * dayMs]);
  });
});
