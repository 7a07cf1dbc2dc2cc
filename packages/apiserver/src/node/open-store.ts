/** The store that a server's options ask for: etcd where its servers are named, else lmdb in the data directory. */
import { join } from 'node:path';
import type { Env } from '@flotilla/kube';
import { type EtcdOptions, loadEtcdSettings } from '../configuration/etcd.js';
import type { Store } from '../storage/store.js';
import { openLmdbStore } from './lmdb-store.js';

export interface OpenStoreOptions {
  readonly env: Env;
  readonly dataDir: string;
  readonly etcd: EtcdOptions | undefined;
}

/** @throws Error in one sentence that names the flag or the server at fault. */
export async function openStore({ env, dataDir, etcd = {} }: OpenStoreOptions): Promise<Store> {
  const settings = await loadEtcdSettings(etcd, env.files);
  if (settings === undefined) return openLmdbStore({ directory: join(dataDir, 'store') });
  const { clock, random, log } = env;
  // Loaded here: gRPC costs a server without etcd nothing.
  const { openEtcdStore } = await import('./etcd/etcd-store.js');
  return openEtcdStore({ ...settings, clock, random, log });
}
