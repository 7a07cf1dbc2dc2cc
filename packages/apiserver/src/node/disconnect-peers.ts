/** Ends open connections by the certificate that their clients have shown. Called by the HTTP front. */
import type { TLSSocket } from 'node:tls';
import { type Certificate, PkiError, parseCertificate } from '@flotilla/kube';

/** A destroyed socket takes its HTTP/2 session, and so every watch and upload on it, along. */
export function disconnectPeers(
  sockets: Iterable<TLSSocket>,
  isMeant: (certificate: Certificate) => boolean,
): void {
  for (const socket of [...sockets]) {
    const certificate = certificateOf(socket);
    if (certificate !== undefined && isMeant(certificate)) socket.destroy();
  }
}

/** Undefined: the client has shown none, or none that can be read, and so never was anybody by it. */
function certificateOf(socket: TLSSocket): Certificate | undefined {
  const der = socket.getPeerCertificate()?.raw as Uint8Array | undefined; // Node's types leave out the empty object
  if (der === undefined) return undefined;
  try {
    return parseCertificate(der);
  } catch (error) {
    if (error instanceof PkiError) return undefined;
    throw error;
  }
}
