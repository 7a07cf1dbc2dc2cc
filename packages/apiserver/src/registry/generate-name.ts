/** Names the server makes up: a prefix cut to leave room, and five characters that spell no words. Pure but for chance. */
import type { Random } from '@flotilla/kube';

const alphabet = 'bcdfghjklmnpqrstvwxz2456789';
const maxBaseLength = 58;
const suffixLength = 5;

export function generateName(base: string, random: Random): string {
  const bytes = random.bytes(suffixLength);
  let suffix = '';
  for (const byte of bytes) suffix += alphabet[byte % alphabet.length];
  return base.slice(0, maxBaseLength) + suffix;
}
