/** The shape of a control loop, and what loops are given: shared by each loop and by what starts them. */

import type { KubeObject } from '@flotilla/api';
import type { Controller, Env, Informer, KubeClient } from '@flotilla/kube';
import type { PendingUsage } from '../admission/quota/pending-usage.js';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import type { LegacyTokenSubject } from '../service-accounts/legacy-tokens.js';
import type { ControllerSelection } from './controller-selection.js';
import type { OwnershipCache } from './ownership-feed.js';
import type { CommandRuns } from './workloads/command-runs.js';

export interface ControllerContext {
  readonly client: KubeClient;
  readonly env: Env;
  readonly registry: ResourceRegistry;
}

export interface StartControllersOptions extends ControllerContext {
  /** Of the server that `client` reaches, for the garbage collector, which looks at every write. */
  readonly cache: OwnershipCache;
  /** The same, for what is counted. */
  readonly reader: ObjectReader;
  readonly pending: PendingUsage;
  /** What plays the commands of simulated containers; undefined where there are none. */
  readonly commands: CommandRuns | undefined;
  /** Other servers write to the same store. */
  readonly isShared: boolean;
  readonly profile: 'hub' | 'cluster';
  readonly controllers: ControllerSelection;
  /** PEM, published as ConfigMap kube-root-ca.crt in every namespace. */
  readonly ca: string;
  readonly signLegacyToken: (subject: LegacyTokenSubject) => string;
  readonly signal: AbortSignal;
}

/** One loop with what it watches. */
export interface ControlLoop {
  readonly informers: readonly Informer<KubeObject>[];
  readonly controllers: readonly Controller[];
}
