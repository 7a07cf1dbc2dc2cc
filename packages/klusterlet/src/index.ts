export { type AgentOptions, defaultAgentOptions, type HubAddress, runAgent } from './agent.js';
export { type KlusterletConfig, KlusterletState } from './registration/state.js';
