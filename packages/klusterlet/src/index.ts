export { type AgentOptions, runAgent } from './agent.js';
export type { HubAddress } from './hub-address.js';
export { leaveHub } from './leave/leave-hub.js';
export type { LeaveOptions } from './leave/leave-options.js';
export { moveTo } from './registration/move-hub.js';
export { type AgentSettings, defaultAgentOptions } from './registration/settings.js';
export {
  type HubCandidate,
  type HubCredentials,
  type KlusterletConfig,
  KlusterletState,
} from './registration/state.js';
export { runAgentOfHubs, type SeveralHubsOptions } from './several-hubs.js';
export type { WorkAgentOptions } from './work/options.js';
export { createSavedWorks, type SavedWorks } from './work/saved-works.js';
export { createWorkAgent, type WorkAgent, type WorkAgentSetup } from './work/work-agent.js';
