export * from './client/client.js';
export * from './client/failover-transport.js';
export * from './client/get-if-there.js';
export * from './client/kube-client.js';
export * from './client/patch-status.js';
export * from './client/rate-limited-transport.js';
export { parseFailure } from './client/status-response.js';
export * from './client/transport.js';
export * from './client/well-known.js';
export * from './controller/controller.js';
export * from './controller/spawn.js';
export * from './discovery/discovery.js';
export type { ServedResource } from './discovery/documents.js';
export * from './env/abort.js';
export * from './env/env.js';
export * from './informer/informer.js';
export type { IndexLookup, InformerCache } from './informer/object-cache.js';
export * from './informer/object-key.js';
export * from './kubeconfig/kubeconfig.js';
export * from './kubeconfig/write-kubeconfig.js';
export * from './leader-election/leader-election.js';
export * from './pki/authority-bundle.js';
export * from './pki/certificate.js';
export * from './pki/certificate-request.js';
export type { DistinguishedName, NameParts } from './pki/distinguished-name.js';
export {
  type AlternativeNames,
  type CertificateUsage,
  certificateUsages,
  isKnownUsage,
  splitServerNames,
} from './pki/extensions.js';
export * from './pki/issue.js';
export { createCertificateAuthority, issueCertificate } from './pki/issue.js';
export { generateKeyPair, type KeyPair, type KeyType, publicKeyHashOf } from './pki/keys.js';
export * from './pki/pem.js';
export * from './pki/pki-error.js';
export * from './pki/verify-chain.js';
export { verifyChain } from './pki/verify-chain.js';
export * from './queue/backoff.js';
export * from './queue/work-queue.js';
export * from './streams/channel.js';
export * from './streams/channel-pair.js';
export { ReceiveQueue } from './streams/receive-queue.js';
export {
  defaultSpdyLimits,
  SpdyConnection,
  type SpdyLimits,
  type SpdyOptions,
  type SpdyStream,
} from './streams/spdy/connection.js';
export { resetStatus } from './streams/spdy/frames.js';
export type { SpdyHeaders } from './streams/spdy/header-block.js';
export { SpdyError } from './streams/spdy/spdy-error.js';
export { watchClose } from './streams/watch-close.js';
