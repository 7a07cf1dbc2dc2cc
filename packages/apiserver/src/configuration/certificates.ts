/** How long the certificates live that a server issues: to clients, and to itself. */

/** Named as the flags that fill them; milliseconds. */
export interface CertificateOptions {
  /** Longest life of a client certificate, as of kube-controller-manager; default a year. */
  readonly clusterSigningDuration?: number;
  /** Of the server's own serving certificate; default a year. */
  readonly servingCertificateDuration?: number;
}
