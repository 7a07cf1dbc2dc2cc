export { installHubApi } from './bootstrap.js';
export { approveCluster } from './cli/approve.js';
export { startHubControllers } from './controllers/start-hub.js';
export { type EmbeddedHub, type EmbeddedHubOptions, hubAdmission, startEmbeddedHub } from './embedded.js';
export { bootstrapTokenSecret, createBootstrapToken } from './tokens/bootstrap-token.js';
