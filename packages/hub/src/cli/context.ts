/** What commands are given, and how they reach the hub. */
import type { Env, KubeClient } from '@flotilla/kube';
import { type Connection, connect } from './connect.js';

export interface CommandContext {
  readonly env: Env;
  readonly print: (text: string) => void;
  /** To standard output as it is. */
  readonly write: (text: string) => void;
  /** For what is no part of the answer: standard error. */
  readonly note: (text: string) => void;
  /** Resolves at SIGINT or SIGTERM, which end other commands at once. */
  readonly stopped: () => Promise<void>;
}

export async function withHub<T>(
  context: CommandContext,
  options: { kubeconfig?: string },
  fn: (hub: Connection) => Promise<T>,
): Promise<T> {
  const hub = await connect(context.env, options);
  try {
    return await fn(hub);
  } finally {
    await hub.close();
  }
}

/** Tokens live and die by the hub's clock; this machine's may be wrong. */
export async function hubTimeMs(client: KubeClient, env: Env): Promise<number> {
  const response = await client.transport.request({ method: 'GET', path: '/version', timeoutMs: 10_000 });
  await response.bytes();
  const hubMs = Date.parse(response.headers['date'] ?? '');
  return Number.isNaN(hubMs) ? env.clock.now() : hubMs;
}
