export * from './json.js';
export * from './object.js';
export * from './schema/schema.js';
export * from './status.js';
