import type { TLSSocket } from 'node:tls';
import { createCertificateAuthority, fromPem } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { disconnectPeers } from './disconnect-peers.js';

const { clock, random } = createTestEnv();

function certificate(commonName: string): Uint8Array {
  const options = { commonName, validityMs: 3_600_000, nowMs: clock.now(), random };
  return fromPem('CERTIFICATE', createCertificateAuthority(options).certificatePem);
}

describe('disconnecting peers', () => {
  /** A socket whose client has shown that; undefined: nothing. */
  function socket(raw: Uint8Array | undefined) {
    const state = { destroyed: false };
    const fake = {
      getPeerCertificate: () => (raw === undefined ? {} : { raw }),
      destroy: () => {
        state.destroyed = true;
      },
    } as unknown as TLSSocket; // nothing else is asked for
    return { fake, state };
  }

  it('cuts those whose certificate is meant, and nobody else', () => {
    const sockets = [
      socket(certificate('one')),
      socket(certificate('two')),
      socket(undefined),
      socket(Uint8Array.of(1, 2, 3)),
      socket(certificate('one')),
    ];
    disconnectPeers(
      sockets.map(({ fake }) => fake),
      ({ subject }) => subject.commonName === 'one',
    );
    expect(sockets.map(({ state }) => state.destroyed)).to.deep.equal([true, false, false, false, true]);
  });

  it('bears with sockets that leave the set while they are cut', () => {
    const all = new Set<TLSSocket>();
    let cut = 0;
    for (const name of ['one', 'two', 'three']) {
      const raw = certificate(name);
      const fake = {
        getPeerCertificate: () => ({ raw }),
        destroy: () => {
          all.delete(fake);
          cut++;
        },
      } as unknown as TLSSocket; // as above
      all.add(fake);
    }
    disconnectPeers(all, () => true);
    expect(cut).to.equal(3);
  });
});
