/** The subresources that stream, for the kinds that have them. Put together once, for the stand-in cluster only. */
import type { Env } from '@flotilla/kube';
import type { ObjectReader } from '../authentication/object-reader.js';
import { builtinSchema } from '../builtin/schemas.js';
import type { ConnectContext, CustomSubresource, Verb } from '../registry/resource.js';
import { podLog } from './pod-log.js';
import type { PodRuntime } from './pod-runtime.js';
import { portForward, portForwardOptions } from './port-forward.js';
import { proxyNode, proxyPod, proxyService } from './proxy.js';
import { remoteCommand, remoteCommandOptions } from './remote-command.js';

export interface StreamDependencies {
  readonly env: Env;
  readonly reader: ObjectReader;
  readonly runtime: PodRuntime;
  /** From 1.35 on an upgrade needs `create`, whatever its method. */
  readonly kubernetesVersion: { readonly minor: number };
}

/** Additional subresources by resource of the core group. */
export type StreamSubresources = Readonly<Record<string, readonly CustomSubresource[]>>;

const upgradeVerbs: readonly Verb[] = ['create', 'get'];
const proxyVerbs: readonly Verb[] = ['create', 'delete', 'get', 'patch', 'update'];

export function createStreamSubresources(deps: StreamDependencies): StreamSubresources {
  const upgradeNeedsCreate = deps.kubernetesVersion.minor >= 35;
  return {
    pods: [
      {
        name: 'exec',
        verbs: upgradeVerbs,
        ...options('PodExecOptions'),
        upgradeNeedsCreate,
        connectOptions: remoteCommandOptions,
        connect: async (context) => remoteCommand(deps, context, 'exec'),
      },
      {
        name: 'attach',
        verbs: upgradeVerbs,
        ...options('PodAttachOptions'),
        upgradeNeedsCreate,
        connectOptions: remoteCommandOptions,
        connect: async (context) => remoteCommand(deps, context, 'attach'),
      },
      {
        name: 'portforward',
        verbs: upgradeVerbs,
        ...options('PodPortForwardOptions'),
        upgradeNeedsCreate,
        connectOptions: portForwardOptions,
        connect: async (context) => portForward(deps, context),
      },
      {
        name: 'log',
        verbs: ['get'],
        kind: coreKind('Pod'),
        connect: async (context) => podLog(deps, context),
      },
      {
        name: 'proxy',
        verbs: proxyVerbs,
        ...options('PodProxyOptions'),
        connectOptions: proxyOptions,
        connect: async (context) => proxyPod(deps, context),
      },
    ],
    services: [
      {
        name: 'proxy',
        verbs: proxyVerbs,
        ...options('ServiceProxyOptions'),
        connectOptions: proxyOptions,
        connect: async (context) => proxyService(deps, context),
      },
    ],
    nodes: [
      {
        name: 'proxy',
        verbs: proxyVerbs,
        ...options('NodeProxyOptions'),
        connectOptions: proxyOptions,
        connect: async (context) => proxyNode(deps, context),
      },
    ],
  };
}

function options(kind: string) {
  return { kind: coreKind(kind), schema: builtinSchema('', 'v1', kind) };
}

function coreKind(kind: string) {
  return { group: '', version: 'v1', kind };
}

function proxyOptions({ rest }: ConnectContext) {
  return rest === '' ? {} : { path: rest };
}
