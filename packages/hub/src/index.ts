export { createReadGuard } from './admission/read-guard.js';
export { installHubApi } from './bootstrap.js';
export { approveCluster } from './cli/approve.js';
export { startHubControllers } from './controllers/start-hub.js';
export { type EmbeddedHub, type EmbeddedHubOptions, hubAdmission, startEmbeddedHub } from './embedded.js';
export { createCertificateGate } from './identity/certificate-gate.js';
export { revokeAgents } from './identity/revocations.js';
export { defaultHubPolicies, type HubPolicies } from './policies.js';
export { bootstrapTokenSecret, createBootstrapToken } from './tokens/bootstrap-token.js';
