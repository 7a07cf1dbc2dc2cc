export * from './admission/admission.js';
export * from './admission/namespace-lifecycle.js';
export { builtinResources } from './builtin/builtin-resources.js';
export type { BuiltinOptions, PodActions, Profile, ServiceNetwork } from './builtin/define.js';
export { builtinSchema } from './builtin/schemas.js';
export * from './handlers/resource-handler.js';
export { type LmdbStoreOptions, openLmdbStore } from './node/lmdb-store.js';
export { decodeProtobufObject } from './protobuf/decode.js';
export * from './registry/object-store.js';
export * from './registry/resource.js';
export * from './registry/resource-registry.js';
export * from './server/handler.js';
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
export { createOpenApiHandler, type OpenApiHandler, type OpenApiSource } from './openapi/handler.js';
export { buildOpenApiV2, encodeOpenApiV2 } from './openapi/v2.js';
export { buildOpenApiV3 } from './openapi/v3.js';
export { type CustomConversion, type CustomResources, type CustomResourcesDependencies, createCustomResources } from './custom-resources/custom-resources.js';
