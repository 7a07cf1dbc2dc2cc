export * from './memory-files.js';
export type { CutMode, NetworkFaults } from './network-faults.js';
export * from './seeded-random.js';
export * from './simulated-network.js';
export * from './test-env.js';
export * from './test-logger.js';
export * from './virtual-clock.js';
