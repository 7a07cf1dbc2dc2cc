/** Keys and certificates of all simulated servers of this process: they are never seeded, and take long to make. */
import { type CertificateAuthority, createCertificateAuthority, generateKeyPair } from '@flotilla/kube';
import { createSeededRandom, type VirtualClock } from '@flotilla/kube/testing';

export interface SimulatedPki {
  readonly ca: CertificateAuthority;
  readonly serviceAccountKey: string;
}

let shared: SimulatedPki | undefined;

/** The same one each time. */
export function simulatedPki(clock: VirtualClock): SimulatedPki {
  shared ??= {
    ca: createCertificateAuthority({
      commonName: 'simulation',
      validityMs: 10 * 365 * 86_400_000,
      nowMs: clock.now(),
      random: createSeededRandom(0),
    }),
    serviceAccountKey: generateKeyPair().privateKeyPem,
  };
  return shared;
}
