/**
 * Puts a bad network between clients and servers: each link delays, loses and cuts, by chance and by command. What
 * it keeps is what TCP keeps: a request reaches the server at most once, bytes of one answer stay in order, and a
 * broken connection is noticed late. Requests overtake each other, and an answer may be lost after the server acted.
 */
import type { Transport } from '../client/transport.js';
import type { Clock, Random } from '../env/env.js';
import type { CutMode, NetworkFaults } from './network-faults.js';
import { SimulatedLink } from './simulated-link.js';

export interface SimulatedNetworkOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Partial<NetworkFaults>;
}

export interface SimulatedNetwork {
  /** A Transport whose exchanges cross the link of this name. Several may share one link. */
  link(name: string, transport: Transport): Transport;
  /** Nothing crosses any more. `drop`: silently, noticed after `detectMs`; `refuse`: at once, connections reset. */
  cut(name: string, mode?: CutMode): void;
  /** Breaks what is under way; new connections work. */
  reset(name: string): void;
  /** What is under way hangs until `detectMs` have passed: half-open connections. New ones work. */
  stall(name: string): void;
  /** Requests and streams that are under way on the link. */
  openExchanges(name: string): number;
  /** What was sent into a dropping link and not yet given up arrives after all. */
  heal(name: string): void;
  healAll(): void;
  /** Requests that were made on the link, whatever became of them. */
  requests(name: string): number;
  isCut(name: string): boolean;
  /** For one link, or for all links, present and future. */
  setFaults(faults: Partial<NetworkFaults>, name?: string): void;
}

const defaultFaults: NetworkFaults = Object.freeze({
  latencyMs: [1, 5] as const,
  loseRequest: 0,
  loseResponse: 0,
  breakStream: 0,
  bytesPerSecond: 0,
  readPieceMs: 0,
  detectMs: 45_000,
});

export function createSimulatedNetwork(options: SimulatedNetworkOptions): SimulatedNetwork {
  const { clock, random } = options;
  const links = new Map<string, SimulatedLink>();
  let faults: NetworkFaults = { ...defaultFaults, ...options.faults };
  const linkOf = (name: string): SimulatedLink => {
    let link = links.get(name);
    if (link === undefined) {
      link = new SimulatedLink({ name, clock, random, faults });
      links.set(name, link);
    }
    return link;
  };
  return {
    link: (name, transport) => linkOf(name).wrap(transport),
    cut: (name, mode = 'drop') => linkOf(name).cut(mode),
    reset: (name) => linkOf(name).reset(),
    stall: (name) => linkOf(name).stall(),
    requests: (name) => linkOf(name).requests,
    openExchanges: (name) => linkOf(name).openExchanges,
    heal: (name) => linkOf(name).heal(),
    healAll: () => {
      for (const link of links.values()) link.heal();
    },
    isCut: (name) => linkOf(name).isCut,
    setFaults: (change, name) => {
      if (name === undefined) faults = { ...faults, ...change };
      for (const link of name === undefined ? links.values() : [linkOf(name)]) link.setFaults(change);
    },
  };
}
