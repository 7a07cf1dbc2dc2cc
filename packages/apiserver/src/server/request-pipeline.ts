/**
 * One request from head to answer: parsed, authenticated, impersonated, bounded, authorized, dispatched; whatever
 * fails becomes a Status. The order is kube-apiserver's handler chain (apiserver.md 2.1).
 */
import { newBadRequest, newForbidden, newNotFound, newStatusError, StatusError } from '@flotilla/api';
import type { Env } from '@flotilla/kube';
import type { AuditTrail } from '../audit/audit-trail.js';
import { type Auditor, clientAuditId } from '../audit/auditor.js';
import type { Authenticator } from '../authentication/authenticator.js';
import { resolveImpersonation } from '../authentication/impersonation.js';
import type { UserInfo } from '../authentication/user.js';
import { type AccessAttributes, type Authorizer, describeRefusal } from '../authorization/attributes.js';
import type { Arrival, RequestQueues } from '../fairness/request-queues.js';
import type { ResourceHandler, ResourceRequest } from '../handlers/resource-handler.js';
import type { ResourceDefinition, Verb } from '../registry/resource.js';
import type { ResourceRegistry } from '../registry/resource-registry.js';
import { answerConnect, type ConnectDependencies, connectDoor } from './connect.js';
import { type Freshness, isDoubtful } from './freshness.js';
import type { ApiHandler, ApiRequest, ApiResponse } from './handler.js';
import { negotiate } from './negotiate.js';
import { prettified } from './pretty.js';
import { requestTimeoutMs, withinDeadline } from './request-deadline.js';
import type { GuardedRequest, RequestGuard } from './request-guard.js';
import { parseRequestInfo, type RequestInfo } from './request-info.js';
import { errorResponse, textResponse } from './responses.js';

export interface PipelineDependencies {
  readonly env: Env;
  readonly authenticator: Authenticator;
  readonly authorizer: Authorizer;
  readonly guard?: RequestGuard | undefined;
  readonly queues: RequestQueues;
  /** Of requests that have an end. */
  readonly requestTimeoutMs: number;
  readonly registry: ResourceRegistry;
  readonly resources: ResourceHandler;
  /** Where other servers write to the same store. */
  readonly freshness?: Freshness | undefined;
  /** Absent: no audit log is kept. */
  readonly audit?: Auditor | undefined;
  /** For the subresources that answer by themselves. */
  readonly connect: ConnectDependencies;
  /** Everything that is no resource; undefined: no such path. */
  readonly other: (request: ApiRequest) => ApiResponse | undefined | Promise<ApiResponse | undefined>;
  /** Told of each answer, for metrics. */
  readonly onAnswer: (info: RequestInfo, answer: { code: number; durationMs: number }) => void;
}

export function createRequestPipeline(deps: PipelineDependencies): ApiHandler {
  return {
    async handle(request) {
      const startMs = deps.env.clock.monotonicMs();
      const trace: Trace = { auditId: clientAuditId(request) ?? deps.env.random.uuid() };
      const plain = await answerOrStatus(deps, request, trace);
      const answer = prettified(trace.audit?.answered(plain) ?? plain, request);
      if (trace.info !== undefined) {
        const durationMs = deps.env.clock.monotonicMs() - startMs;
        deps.onAnswer(trace.info, { code: answer.status, durationMs });
      }
      return { ...answer, headers: { ...answer.headers, 'audit-id': trace.auditId } };
    },
  };
}

interface Trace {
  readonly auditId: string;
  info?: RequestInfo;
  /** Undefined when nothing of the request is recorded. */
  audit?: AuditTrail | undefined;
}

async function answerOrStatus(
  deps: PipelineDependencies,
  request: ApiRequest,
  trace: Trace,
): Promise<ApiResponse> {
  try {
    const info = parseRequestInfo(request.method, request.path, request.query);
    trace.info = info;
    const timeoutMs = requestTimeoutMs(info, request.query, deps.requestTimeoutMs);
    return await withinDeadline(answerFresh(deps, request, { info, trace }), {
      clock: deps.env.clock,
      timeoutMs,
    });
  } catch (error) {
    const answer = errorResponse(error, { request, log: deps.env.log });
    reportFailure(deps, request, { trace, answer, isDefect: !(error instanceof StatusError) });
    return answer;
  }
}

interface Asked {
  readonly info: RequestInfo;
  readonly trace: Trace;
}

/** Where the cache may be behind what other servers wrote, it catches up before the answer counts. */
async function answerFresh(
  deps: PipelineDependencies,
  request: ApiRequest,
  asked: Asked,
): Promise<ApiResponse> {
  if (deps.freshness === undefined) return answer(deps, request, asked);
  const { mayBeStale, catchUp } = deps.freshness;
  if (mayBeStale(asked.info, request)) {
    const first = await attempt(deps, request, asked);
    const status = 'answer' in first ? first.answer.status : toStatusCode(first.error);
    if (!asked.info.isResource || !isDoubtful(status)) {
      if ('answer' in first) return first.answer;
      throw first.error;
    }
  }
  await catchUp(request.signal);
  return answer(deps, request, asked);
}

/** What may be asked once more is not yet reported as a failure. */
async function attempt(
  deps: PipelineDependencies,
  request: ApiRequest,
  asked: Asked,
): Promise<{ readonly answer: ApiResponse } | { readonly error: unknown }> {
  try {
    return { answer: await answer(deps, request, asked) };
  } catch (error) {
    return { error };
  }
}

function toStatusCode(error: unknown): number {
  return error instanceof StatusError ? error.code : 500;
}

async function answer(
  deps: PipelineDependencies,
  request: ApiRequest,
  { info, trace }: Asked,
): Promise<ApiResponse> {
  const known = request.user ?? deps.authenticator.authenticate(request);
  const caller = known instanceof Promise ? await known : known;
  const { auditId } = trace;
  if (trace.audit === undefined) {
    trace.audit = deps.audit?.begin(request, { info, user: caller, auditId });
    trace.audit?.received();
  } else trace.audit.startsAgain();
  const { audit } = trace;
  const user = resolveImpersonation(caller, request.headers, deps.authorizer);
  if (user !== caller) audit?.impersonates(user);
  return deps.queues.run(arrivalOf(request, info, user), async () => {
    authorize(deps.authorizer, user, { info, audit });
    const guarded = info.isResource ? deps.guard?.(toGuarded(deps, request, { info, user })) : undefined;
    if (guarded !== undefined) await guarded;
    return info.isResource
      ? answerResource(deps, request, { info, user, audit })
      : answerOther(deps, request);
  });
}

function toGuarded(
  { connect }: PipelineDependencies,
  { query, remoteAddress }: ApiRequest,
  { info, user }: { readonly info: RequestInfo; readonly user: UserInfo },
): GuardedRequest {
  const { verb, group, resource, subresource } = info;
  return {
    user,
    verb,
    group,
    resource,
    subresource,
    name: info.isNamed ? info.name : undefined,
    query,
    remoteAddress,
    client: connect.admissionClient,
  };
}

function arrivalOf(request: ApiRequest, info: RequestInfo, user: UserInfo): Arrival {
  return {
    info,
    user,
    address: request.remoteAddress,
    sizeBytes: request.body.length,
    get signal() {
      return request.signal; // the front makes it when it is asked for
    },
  };
}

function reportFailure(
  deps: PipelineDependencies,
  request: ApiRequest,
  { trace, answer, isDefect }: { trace: Trace; answer: ApiResponse; isDefect: boolean },
): void {
  const { info, audit, auditId } = trace;
  if (isDefect) audit?.panicked();
  // Who was not authenticated has got no trail yet.
  if (answer.status !== 401 || info === undefined || audit !== undefined) return;
  deps.audit?.begin(request, { info, user: undefined, auditId })?.refused(answer);
}

function attributesOf(info: RequestInfo): AccessAttributes {
  if (!info.isResource) return { verb: info.verb, path: info.path };
  return {
    verb: info.verb,
    group: info.group,
    resource: info.resource,
    ...(info.subresource !== undefined && { subresource: info.subresource }),
    ...(info.namespace !== undefined && { namespace: info.namespace }),
    ...(info.name !== undefined && { name: info.name }),
  };
}

interface Audited {
  readonly info: RequestInfo;
  readonly audit: AuditTrail | undefined;
}

function authorize(authorizer: Authorizer, user: UserInfo, { info, audit }: Audited): void {
  const attributes = attributesOf(info);
  const decision = authorizer.authorize(user, attributes);
  audit?.annotate('authorization.k8s.io/decision', decision.allowed ? 'allow' : 'forbid');
  audit?.annotate('authorization.k8s.io/reason', decision.reason);
  if (decision.allowed) return;
  throw newForbidden(
    { group: info.group, resource: info.resource, name: info.name ?? '' },
    describeRefusal(user, attributes),
  );
}

async function answerOther(deps: PipelineDependencies, request: ApiRequest): Promise<ApiResponse> {
  return (await deps.other(request)) ?? textResponse(404, '404 page not found\n');
}

const verbs: ReadonlySet<string> = new Set<Verb>([
  'create',
  'delete',
  'deletecollection',
  'get',
  'list',
  'patch',
  'update',
  'watch',
]);

async function answerResource(
  deps: PipelineDependencies,
  request: ApiRequest,
  { info, user, audit }: Audited & { readonly user: UserInfo },
): Promise<ApiResponse> {
  const definition = deps.registry.find(info.group, info.version, info.resource);
  if (definition === undefined || !verbs.has(info.verb)) return textResponse(404, '404 page not found\n');
  if (request.method === 'OPTIONS')
    throw newStatusError(405, 'MethodNotAllowed', { message: 'OPTIONS is not supported' });
  const door = connectDoor(definition, info);
  if (door !== undefined) {
    const annotate = (key: string, value: string): void => audit?.annotate(key, value);
    return answerConnect(deps.connect, request, { definition, door, info, user, annotate });
  }
  return deps.resources.handle(toResourceRequest(definition, request, { info, user, audit }));
}

function toResourceRequest(
  definition: ResourceDefinition,
  request: ApiRequest,
  { info, user, audit }: Audited & { readonly user: UserInfo },
): ResourceRequest {
  const { subresource } = info;
  const name = info.isNamed ? info.name : undefined;
  if (definition.namespaced && name !== undefined && info.namespace === undefined) {
    throw newNotFound({ group: definition.group, resource: definition.resource, name });
  }
  if (!definition.namespaced && info.namespace !== undefined && definition.resource !== 'namespaces') {
    throw newBadRequest(
      `${definition.resource} are not namespaced: leave /namespaces/${info.namespace} out of the path`,
    );
  }
  const namespace = definition.namespaced ? info.namespace : undefined;
  return {
    definition,
    verb: info.verb as Verb, // member of `verbs`
    ...(namespace !== undefined && { namespace }),
    ...(name !== undefined && { name }),
    ...(subresource !== undefined && { subresource }),
    query: request.query,
    body: request.body,
    contentType: String(request.headers['content-type'] ?? ''),
    userAgent: String(request.headers['user-agent'] ?? ''),
    user,
    ...(audit && { annotate: (key: string, value: string) => audit.annotate(key, value) }),
    get signal() {
      return request.signal; // the front makes it when it is asked for
    },
    accept: negotiate(
      request.headers['accept'] === undefined ? undefined : String(request.headers['accept']),
    ),
  };
}
