/** PEM armour (RFC 7468). Text outside the armour is skipped, as openssl writes some. Pure. */
import { PkiError } from './pki-error.js';

export type PemLabel =
  | 'CERTIFICATE'
  | 'CERTIFICATE REQUEST'
  | 'EC PRIVATE KEY'
  | 'PRIVATE KEY'
  | 'PUBLIC KEY';

const block = /-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----/g;
const body = /^[A-Za-z0-9+/]+={0,2}$/;

/** One armoured block, with a line end behind it. */
export function toPem(label: PemLabel, der: Uint8Array): string {
  const text = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64');
  const lines = text.match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/**
 * The contents of all blocks with this label; none when there are none.
 * @throws PkiError when a block's armour or base64 is damaged.
 */
export function allFromPem(label: PemLabel, text: string): Uint8Array[] {
  const found: Uint8Array[] = [];
  for (const [, begin, content, end] of text.matchAll(block)) {
    if (begin !== label) continue;
    const packed = (content ?? '').replace(/\s+/g, '');
    if (end !== label || !body.test(packed) || packed.length % 4 !== 0) {
      throw new PkiError(`the PEM block ${label} is damaged`);
    }
    found.push(Buffer.from(packed, 'base64'));
  }
  return found;
}

/**
 * The content of the first block with this label.
 * @throws PkiError when there is none.
 */
export function fromPem(label: PemLabel, text: string): Uint8Array {
  const [first] = allFromPem(label, text);
  if (first === undefined) throw new PkiError(`there is no PEM block of type ${label}`);
  return first;
}
