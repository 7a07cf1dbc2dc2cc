/** Judges how long a certificate is still good for. Pure. */
import type { Certificate } from '../pki/certificate.js';
import { type Finding, failure, ok, warning } from './checklist.js';

const dayMs = 24 * 3_600_000;
/** Long enough before the end to do something by hand. */
const soonMs = 30 * dayMs;

/** `what`: `the serving certificate`. A certificate of short life is worth a word in the last seventh of it only. */
export function judgeCertificate(
  { notBeforeMs, notAfterMs }: Pick<Certificate, 'notBeforeMs' | 'notAfterMs'>,
  options: { readonly what: string; readonly nowMs: number; readonly fix: string },
): Finding {
  const { what, nowMs, fix } = options;
  const until = new Date(notAfterMs).toISOString();
  if (nowMs >= notAfterMs) return failure(`${what} expired at ${until}`, fix);
  if (nowMs < notBeforeMs)
    return failure(
      `${what} is not valid before ${new Date(notBeforeMs).toISOString()}`,
      'set the clock of this machine, or wait',
    );
  const isSoon = notAfterMs - nowMs < Math.min(soonMs, (notAfterMs - notBeforeMs) / 7);
  return isSoon ? warning(`${what} expires at ${until}`, fix) : ok(`${what} is valid until ${until}`);
}
