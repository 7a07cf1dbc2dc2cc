/**
 * What of a request stays the same from run to run: revisions, uids, times, hashes and ports are replaced by names.
 * The replay puts values of its own in their place. Pure.
 */
import { isWatchTarget, type SeenRequest } from './recording-proxy.js';

/** One line of a fixture. */
export interface RecordedRequest {
  readonly method: string;
  readonly target: string;
  readonly accept: string;
  readonly contentType?: string;
  /** JSON, with names for what differs. */
  readonly body?: unknown;
  /** A body that is no JSON. */
  readonly base64?: string;
  readonly status: number;
  readonly answerType: string;
  /** `kind` of the answer, where it has one. */
  readonly kind?: string;
}

export interface RecordedSequence {
  readonly command: string;
  readonly requests: readonly RecordedRequest[];
}

export interface Fixture {
  readonly kubectl: string;
  readonly sequences: readonly RecordedSequence[];
}

const uid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/g;
const time = /\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)/g;

function normalTarget(target: string): string {
  return target
    .replace(/([?&]fieldSelector=)([^&]+)/, (_, name: string, value: string) => name + sortedSelector(value))
    .replace(uid, '<uid>')
    .replace(/([?&]resourceVersion=)[1-9]\d*/, '$1<rv>')
    .replace(/([?&]hash=)[0-9A-F]+/, '$1<hash>')
    .replace(/([?&]timeoutSeconds=)\d+/, '$1<seconds>')
    .replace(/([?&]continue=)[^&]+/, '$1<continue>');
}

/** Go gives the terms of some selectors in a new order each time. */
function sortedSelector(encoded: string): string {
  return encoded.split('%2C').sort().join('%2C');
}

function normalBody(value: unknown, key = ''): unknown {
  if (typeof value === 'string') {
    if (key === 'resourceVersion' && value !== '') return '<rv>';
    return value.replace(uid, '<uid>').replace(time, '<time>');
  }
  if (Array.isArray(value)) return value.map((item) => normalBody(item));
  if (typeof value !== 'object' || value === null) return value;
  const isRevision = 'path' in value && value.path === '/metadata/resourceVersion';
  return Object.fromEntries(
    Object.entries(value).map(([name, item]): [string, unknown] => [
      name,
      isRevision && name === 'value' ? '<rv>' : normalBody(item, name),
    ]),
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // protobuf, YAML and plain text
  }
}

function kindOf(answer: string): string | undefined {
  const value = parsed(answer);
  if (typeof value === 'object' && value !== null && 'kind' in value) return String(value.kind);
  return /^\{"kind":"(\w+)"/.exec(answer)?.[1]; // of a long answer only the beginning is kept
}

export function normalize(seen: SeenRequest): RecordedRequest {
  const { method, target, headers, body, status, contentType: answerType, answer } = seen;
  const contentType = headers['content-type'];
  const json = body.length === 0 ? undefined : parsed(body.toString());
  const kind = isWatchTarget(target) ? undefined : kindOf(answer);
  return {
    method,
    target: normalTarget(target),
    accept: headers.accept ?? '',
    ...(contentType !== undefined && { contentType }),
    ...(json !== undefined && { body: normalBody(json) }),
    ...(json === undefined && body.length > 0 && { base64: body.toString('base64') }),
    status,
    answerType,
    ...(kind !== undefined && { kind }),
  };
}

/** What a version of kubectl asks: polls count once, and questions about the API, asked side by side, are sorted. */
export function sequenceOf(seen: readonly SeenRequest[]): RecordedRequest[] {
  const requests = seen.map(normalize);
  const about = requests.filter(({ target }) => isAboutApi(target));
  const rest = requests.filter(({ target }) => !isAboutApi(target));
  about.sort((a, b) => (questionOf(a) < questionOf(b) ? -1 : 1));
  return [...withoutRepeats(about), ...withoutRepeats(rest)];
}

function withoutRepeats(requests: readonly RecordedRequest[]): RecordedRequest[] {
  return requests.filter((request, index) => {
    const next = requests[index + 1];
    return next === undefined || questionOf(next) !== questionOf(request);
  });
}

/** Discovery and OpenAPI: what is asked of them depends on what kubectl has cached, and goes out in parallel. */
function isAboutApi(target: string): boolean {
  return /^\/(?:api|apis|openapi|version|swagger)(?:[?/]|$)/.test(target) && !isResource(target);
}

function isResource(target: string): boolean {
  const [path = ''] = target.split('?');
  const parts = path.split('/').filter((part) => part !== '');
  return (parts[0] === 'api' && parts.length > 2) || (parts[0] === 'apis' && parts.length > 3);
}

/** A request without its answer. Bodies that hand back what the server has said, and binary ones, count by being there. */
export function questionOf({ method, target, accept, contentType, body, base64 }: RecordedRequest): string {
  const isHandedBack = method === 'PUT' || contentType === 'application/json-patch+json';
  const hasBody = body !== undefined || base64 !== undefined;
  return JSON.stringify([method, target, accept, contentType, isHandedBack ? undefined : body, hasBody]);
}
