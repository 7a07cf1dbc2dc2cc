export { type AgentOptions, defaultAgentOptions, type HubAddress, runAgent } from './agent.js';
export { type KlusterletConfig, KlusterletState } from './registration/state.js';
export type { WorkAgentOptions } from './work/options.js';
export { createSavedWorks, type SavedWorks } from './work/saved-works.js';
export { createWorkAgent, type WorkAgent, type WorkAgentSetup } from './work/work-agent.js';
