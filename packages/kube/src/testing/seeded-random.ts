/** Chance that is the same for the same seed: not strong, for tests only. */
import type { Random } from '../env/env.js';

/** The generator is sfc32, seeded through splitmix32. */
export function createSeededRandom(seed: number): Random {
  let mix = seed | 0;
  const seedWord = (): number => {
    mix = (mix + 0x9e3779b9) | 0;
    let z = mix ^ (mix >>> 16);
    z = Math.imul(z, 0x21f0aaad);
    z ^= z >>> 15;
    z = Math.imul(z, 0x735a2d97);
    return z ^ (z >>> 15);
  };
  let a = seedWord();
  let b = seedWord();
  let c = seedWord();
  let counter = 1;
  const word = (): number => {
    const sum = (a + b + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    c |= 0;
    return sum >>> 0;
  };
  const bytes = (size: number): Uint8Array => Uint8Array.from({ length: size }, () => word() >>> 24);
  return { next: () => word() / 2 ** 32, bytes, uuid: () => formatUuid(bytes(16)) };
}

/** RFC 9562 5.4. */
function formatUuid(bytes: Uint8Array): string {
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
