export type { AdmissionAttributes, AdmissionPlugin } from './admission/admission.js';
export type { CertificateRules } from './authentication/certificate-rules.js';
export type { UserInfo } from './authentication/user.js';
export type { AuthenticationOptions } from './configuration/authentication.js';
export type { AuthorizationMode, AuthorizationOptions } from './configuration/authorization.js';
export type { ServingOptions, TlsVersion } from './configuration/serving.js';
export {
  allControllers,
  type ControllerName,
  type ControllerSelection,
  noControllers,
  parseControllers,
} from './controllers/controller-selection.js';
export { type LmdbStoreOptions, openLmdbStore } from './node/lmdb-store.js';
export {
  type RunningServer,
  type RunServerOptions,
  runServer,
  type ServerCertificates,
} from './node/run-server.js';
export * from './registry/resource.js';
export { type ApiServer, type ApiServerOptions, createApiServer } from './server/api-server.js';
export { type ControlPlane, type ControlPlaneOptions, startControlPlane } from './server/control-plane.js';
export * from './server/handler.js';
export { createInProcessTransport, type InProcessTransportOptions } from './server/in-process-transport.js';
export * from './server/kubernetes-version.js';
export type { GuardedRequest, RequestGuard } from './server/request-guard.js';
export {
  createMemoryStore,
  type MemoryStore,
  type MemoryStoreFaults,
  type MemoryStoreOptions,
} from './storage/memory-store.js';
export * from './storage/store.js';
export { StoreError, type StoreErrorCode, StoreOverloadedError } from './storage/store-errors.js';
export type * from './watch-cache/types.js';
export type { WatchCache } from './watch-cache/watch-cache.js';
