/**
 * What is recorded of one request: an audit.k8s.io/v1 Event at each stage that the policy wants, as one line of JSON.
 * The request pipeline reports to it as the request goes on; notes of authorization and admission are added on the way.
 */
import { formatMicroTime, isObject, type JsonObject } from '@flotilla/api';
import { type Channel, watchClose } from '@flotilla/kube';
import type { UserInfo } from '../authentication/user.js';
import type { ApiRequest, ApiResponse, ResponseSink } from '../server/handler.js';
import { isLongRunning, type RequestInfo } from '../server/request-info.js';
import type { AuditDecision, AuditStage } from './audit-policy.js';
import {
  answeredObject,
  BodyCapture,
  isStatus,
  requestObject,
  withoutManagedFields,
} from './audited-bodies.js';
import { sourceIps } from './source-ips.js';

export interface AuditTrailOptions {
  readonly request: ApiRequest;
  readonly info: RequestInfo;
  /** As authenticated; undefined when that failed. */
  readonly user: UserInfo | undefined;
  readonly auditId: string;
  readonly decision: AuditDecision;
  readonly now: () => number;
  /** Takes a line without its end. */
  readonly write: (line: string) => void;
  readonly decodeProtobuf: (bytes: Uint8Array) => unknown;
  /** First segments of paths whose rest is not written. */
  readonly secretPaths?: ReadonlySet<string> | undefined;
}

export class AuditTrail {
  readonly #options: AuditTrailOptions;
  readonly #receivedMs: number;
  readonly #annotations = new Map<string, string>();
  #impersonated: UserInfo | undefined;
  #requestObject: unknown;
  #hasLookedAtBody = false;

  constructor(options: AuditTrailOptions) {
    this.#options = options;
    this.#receivedMs = options.now();
  }

  /** Before anything is done. */
  received(): void {
    this.#emit('RequestReceived', {});
  }

  /** What was said so far came from an old state: the request is answered once more. */
  startsAgain(): void {
    this.#annotations.clear();
    this.#impersonated = undefined;
  }

  impersonates(user: UserInfo): void {
    this.#impersonated = user;
  }

  /** The first value of a key stays, as in the reference. */
  annotate(key: string, value: string): void {
    if (!this.#annotations.has(key)) this.#annotations.set(key, value);
  }

  /** The request failed by a defect of the server. */
  panicked(): void {
    this.#emit('Panic', {
      responseStatus: { metadata: {}, status: 'Failure', reason: 'InternalError', code: 500 },
    });
  }

  /** The answer, to be sent in place of the given one: the end of a stream is recorded when it comes. */
  answered(answer: ApiResponse): ApiResponse {
    const { body, status, upgrade } = answer;
    if (upgrade !== undefined) {
      this.#emit('ResponseStarted', { responseStatus: { metadata: {}, code: status } });
      const run = (channel: Channel): void =>
        upgrade.run(watchClose(channel, () => this.#complete(status, undefined)));
      return { ...answer, upgrade: { ...upgrade, run } };
    }
    if (typeof body !== 'function') {
      this.#complete(status, body);
      return answer;
    }
    const { info, decision } = this.#options;
    // Recorded when it starts, and again when it ends.
    const lasts = isLongRunning(info);
    if (lasts) this.#emit('ResponseStarted', { responseStatus: { metadata: {}, code: status } });
    const capture = !lasts && decision.level === 'RequestResponse' ? new BodyCapture() : undefined;
    return {
      ...answer,
      body: (sink) => {
        sink.onClose(() => this.#complete(status, capture?.bytes));
        body(capture === undefined ? sink : captured(sink, capture));
      },
    };
  }

  /** Authentication failed: one event, at the stage where the reference has it. */
  refused(answer: ApiResponse): void {
    this.#emit('ResponseStarted', {
      responseStatus: {
        metadata: {},
        status: 'Failure',
        message: 'Authentication failed',
        code: answer.status,
      },
    });
  }

  #complete(status: number, body: Uint8Array | undefined): void {
    const { level } = this.#options.decision;
    const failed = status >= 400;
    const object = body && (failed || level === 'RequestResponse') ? answeredObject(body) : undefined;
    const responseStatus = isStatus(object) ? statusOf(object, status) : { metadata: {}, code: status };
    this.#emit('ResponseComplete', {
      responseStatus,
      ...(level === 'RequestResponse' && object !== undefined && { responseObject: this.#shown(object) }),
    });
  }

  #shown(object: unknown): unknown {
    return this.#options.decision.omitManagedFields ? withoutManagedFields(object) : object;
  }

  #emit(stage: AuditStage, answer: JsonObject): void {
    const { decision, info, auditId, request, user, now, write } = this.#options;
    const { level } = decision;
    if (level === 'None' || decision.omitStages.has(stage)) return;
    const past = stage !== 'RequestReceived';
    const sent = past ? this.#sentObject() : undefined;
    const { responseObject, ...rest } = answer;
    const agent = request.headers['user-agent'];
    const event = {
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level,
      auditID: auditId,
      stage,
      requestURI: uriOf(request, this.#options.secretPaths),
      verb: info.verb,
      user: user === undefined ? {} : shownUser(user),
      ...(this.#impersonated && { impersonatedUser: shownUser(this.#impersonated) }),
      sourceIPs: sourceIps(request),
      ...(agent !== undefined && { userAgent: String(agent) }),
      ...(info.isResource && { objectRef: objectRef(info, sent) }),
      ...rest,
      ...(sent !== undefined && level !== 'Metadata' && { requestObject: this.#shown(sent) }),
      ...(responseObject !== undefined && { responseObject }),
      requestReceivedTimestamp: formatMicroTime(this.#receivedMs),
      stageTimestamp: formatMicroTime(now()),
      ...(this.#annotations.size > 0 && { annotations: Object.fromEntries(this.#annotations) }),
    };
    write(JSON.stringify(event));
  }

  /** What was sent: for its content, or, of an object that is created, for its name. */
  #sentObject(): unknown {
    const { decision, info, request, decodeProtobuf } = this.#options;
    if (this.#hasLookedAtBody || !info.isResource || request.body.length === 0) return this.#requestObject;
    this.#hasLookedAtBody = true;
    if (decision.level !== 'Metadata' || (info.verb === 'create' && info.name === undefined)) {
      this.#requestObject = requestObject(request, decodeProtobuf);
    }
    return this.#requestObject;
  }
}

/** What lies below a secret path is not for the log. */
function uriOf({ path, query }: ApiRequest, secretPaths: ReadonlySet<string> | undefined): string {
  const [, first = '', ...more] = path.split('/');
  if (more.length > 0 && secretPaths?.has(first) === true) return `/${first}/***`;
  const text = query.toString();
  return text === '' ? path : `${path}?${text}`;
}

function shownUser({ username, uid, groups, extra }: UserInfo): JsonObject {
  return {
    username,
    ...(uid !== undefined && { uid }),
    groups: [...groups],
    ...(extra !== undefined && { extra }),
  };
}

function objectRef(info: RequestInfo, sent: unknown): JsonObject {
  const { group, version, resource, subresource } = info;
  const metadata = isObject(sent) && isObject(sent['metadata']) ? sent['metadata'] : {};
  const text = (key: string, known?: string): JsonObject => {
    const value = known ?? metadata[key];
    return typeof value === 'string' && value !== '' ? { [key]: value } : {};
  };
  return {
    resource,
    ...text('namespace', info.namespace),
    ...text('name', info.name),
    ...text('uid'),
    ...(group !== '' && { apiGroup: group }),
    apiVersion: version,
    ...text('resourceVersion'),
    ...(subresource !== undefined && { subresource }),
  };
}

function statusOf(object: JsonObject, code: number): JsonObject {
  const { status, message, reason, details } = object;
  return {
    metadata: {},
    ...(status !== undefined && { status }),
    ...(message !== undefined && { message }),
    ...(reason !== undefined && { reason }),
    ...(details !== undefined && { details }),
    code,
  };
}

function captured(sink: ResponseSink, capture: BodyCapture): ResponseSink {
  return {
    write(chunk) {
      capture.add(chunk);
      return sink.write(chunk);
    },
    onDrain: (fn) => sink.onDrain(fn),
    onClose: (fn) => sink.onClose(fn),
    end: () => sink.end(),
  };
}
