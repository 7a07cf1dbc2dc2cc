export * from './client/client.js';
export * from './client/transport.js';
export * from './env/env.js';
