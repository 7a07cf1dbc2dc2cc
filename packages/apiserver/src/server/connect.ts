/**
 * Requests to the subresources that answer by themselves: logs, exec, attach, port-forward, proxies. The pipeline has
 * authenticated and authorized them; here come the permission that an upgrade needs besides, admission for CONNECT, and
 * the call.
 */
import {
  type KubeObject,
  newForbidden,
  newMethodNotSupported,
  newNotFound,
  newStatusError,
} from '@flotilla/api';
import {
  type AdmissionClient,
  type AdmissionPlugin,
  admit,
  validateAdmission,
} from '../admission/admission.js';
import type { UserInfo } from '../authentication/user.js';
import { type Authorizer, describeRefusal } from '../authorization/attributes.js';
import type { ConnectContext, CustomSubresource, ResourceDefinition, Verb } from '../registry/resource.js';
import { customSubresource } from '../registry/write-request.js';
import type { ApiRequest, ApiResponse } from './handler.js';
import type { RequestInfo } from './request-info.js';

export interface ConnectDependencies {
  readonly authorizer: Authorizer;
  readonly admission: readonly AdmissionPlugin[];
  readonly admissionClient: AdmissionClient;
}

/** The subresource that answers the request by itself, if it is one. */
export function connectDoor(
  definition: ResourceDefinition,
  info: RequestInfo,
): CustomSubresource | undefined {
  if (info.subresource === undefined || !info.isNamed) return undefined;
  const door = customSubresource(definition, info.subresource);
  return door?.connect === undefined ? undefined : door;
}

interface Connection {
  readonly definition: ResourceDefinition;
  readonly door: CustomSubresource;
  readonly info: RequestInfo;
  readonly user: UserInfo;
  /** Adds to the request's audit event. */
  annotate(key: string, value: string): void;
}

/** @throws StatusError. */
export async function answerConnect(
  deps: ConnectDependencies,
  request: ApiRequest,
  connection: Connection,
): Promise<ApiResponse> {
  const { definition, door, info, user } = connection;
  const { group, resource } = definition;
  if (!door.verbs.includes(info.verb as Verb)) throw newMethodNotSupported({ group, resource }, info.verb);
  if (door.name !== 'proxy' && info.rest.length > 0) {
    throw newStatusError(404, 'NotFound', { message: 'the server could not find the requested resource' });
  }
  if (definition.namespaced && info.namespace === undefined) {
    throw newNotFound({ group, resource, name: info.name ?? '' });
  }
  const context: ConnectContext = {
    request,
    user,
    namespace: definition.namespaced ? info.namespace : undefined,
    name: info.name ?? '',
    rest: restOfPath(request.path, info),
  };
  if (door.upgradeNeedsCreate === true && info.verb !== 'create')
    authorizeCreate(deps.authorizer, user, info);
  await admitConnect(deps, context, connection);
  if (door.connect === undefined) throw newMethodNotSupported({ group, resource }, info.verb);
  return door.connect(context);
}

/** Undecoded: what a proxy passes on is the other side's business. */
function restOfPath(path: string, { rest, namespace, isNamed }: RequestInfo): string {
  if (rest.length === 0) return path.endsWith('/') ? '/' : '';
  const isNamespaced = namespace !== undefined && isNamed;
  // api, version, (namespaces, namespace,) resource, name, subresource
  const before = isNamespaced ? 7 : 5;
  const extra = path.startsWith('/apis/') ? 1 : 0;
  const parts = path.replace(/^\/+/, '').split('/');
  return `/${parts.slice(before + extra).join('/')}`;
}

function authorizeCreate(authorizer: Authorizer, user: UserInfo, info: RequestInfo): void {
  const { group, resource, subresource, namespace, name } = info;
  const attributes = {
    verb: 'create',
    group,
    resource,
    ...(subresource !== undefined && { subresource }),
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
  };
  if (authorizer.authorize(user, attributes).allowed) return;
  throw newForbidden({ group, resource, name: name ?? '' }, describeRefusal(user, attributes));
}

async function admitConnect(
  { admission, admissionClient }: ConnectDependencies,
  context: ConnectContext,
  { definition, door, annotate }: Connection,
): Promise<void> {
  if (door.connectOptions === undefined) return;
  const options = door.connectOptions(context);
  const object = {
    apiVersion: door.kind.version,
    kind: door.kind.kind,
    metadata: {},
    ...options,
  } as KubeObject;
  const attributes = {
    operation: 'CONNECT' as const,
    definition,
    namespace: context.namespace,
    name: context.name,
    subresource: door.name,
    body: { ...door.kind, schema: door.schema ?? definition.schema, origin: definition.origin },
    object,
    oldObject: undefined,
    user: context.user,
    dryRun: false,
    options: {},
    warn: () => undefined,
    annotate,
    client: admissionClient,
  };
  await admit(admission, attributes);
  await validateAdmission(admission, attributes);
}
