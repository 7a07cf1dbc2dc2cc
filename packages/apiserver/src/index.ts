export * from './registry/resource.js';
export * from './server/handler.js';
export * from './storage/store.js';
