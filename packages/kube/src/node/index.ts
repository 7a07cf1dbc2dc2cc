export { FileError, toFileError } from './file-errors.js';
export * from './https-transport.js';
export * from './kubeconfig-transport.js';
export * from './lock-directory.js';
export * from './logger.js';
export { makeDirectory } from './make-directory.js';
export * from './node-env.js';
export * from './probe-tls.js';
export type { ProxyOptions } from './proxy.js';
