export { addServerOptions, type ServerFlags } from './server-options.js';
