/**
 * From method, path and query to what is asked of which resource: the input of authorization and of dispatch.
 * Behaviour of k8s.io/apiserver/pkg/endpoints/request RequestInfoFactory, verb-in-path watches included.
 */
import { newBadRequest } from '@flotilla/api';

export interface RequestInfo {
  readonly isResource: boolean;
  /** Lower-case API verb for resources, lower-case HTTP method otherwise. */
  readonly verb: string;
  readonly path: string;
  readonly group: string;
  readonly version: string;
  /** Also set, to its own name, for a Namespace: a RoleBinding inside it may grant access to it. */
  readonly namespace: string | undefined;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly name: string | undefined;
  /** The name stands in the path; else only a field selector pins it, for authorization. */
  readonly isNamed: boolean;
  /** Path segments after the subresource (proxy). */
  readonly rest: readonly string[];
}

const namespaceSubresources = new Set(['status', 'finalize']);

/** @throws StatusError 400 when a path segment is not valid percent-encoding. */
export function parseRequestInfo(method: string, path: string, query: URLSearchParams): RequestInfo {
  const parts = splitPath(path);
  const isCore = parts[0] === 'api';
  const prefixLength = isCore ? 2 : 3;
  if ((!isCore && parts[0] !== 'apis') || parts.length <= prefixLength) return nonResource(method, path);

  const group = isCore ? '' : (parts[1] ?? '');
  const version = parts[prefixLength - 1] ?? '';
  let rest = parts.slice(prefixLength);
  let verb = verbOf(method);
  if (rest[0] === 'watch' && rest.length > 1) {
    rest = rest.slice(1);
    verb = 'watch';
  }

  let namespace: string | undefined;
  if (rest[0] === 'namespaces' && rest.length > 1) {
    namespace = rest[1];
    if (rest.length > 2 && !namespaceSubresources.has(rest[2] ?? '')) rest = rest.slice(2);
  }
  const [resource = '', name, subresource, ...tail] = rest;
  if (name === undefined) {
    if (verb === 'get') verb = isWatch(query) ? 'watch' : 'list';
    if (verb === 'delete') verb = 'deletecollection';
  }
  return {
    isResource: true,
    verb,
    path,
    group,
    version,
    namespace,
    resource,
    subresource,
    name: name ?? pinnedName(verb, query),
    isNamed: name !== undefined,
    rest: tail,
  };
}

const streamSubresources: ReadonlySet<string> = new Set(['attach', 'exec', 'log', 'portforward', 'proxy']);

/** It may last for hours: watches, and what carries a stream. kube-apiserver's long-running check. */
export function isLongRunning({
  isResource,
  verb,
  subresource,
}: Pick<RequestInfo, 'isResource' | 'verb' | 'subresource'>): boolean {
  return isResource && (verb === 'watch' || streamSubresources.has(subresource ?? ''));
}

function nonResource(method: string, path: string): RequestInfo {
  return {
    isResource: false,
    verb: method.toLowerCase(),
    path,
    group: '',
    version: '',
    namespace: undefined,
    resource: '',
    subresource: undefined,
    name: undefined,
    isNamed: false,
    rest: [],
  };
}

function splitPath(path: string): string[] {
  try {
    return path
      .split('/')
      .filter((part) => part !== '')
      .map((part) => (part.includes('%') ? decodeURIComponent(part) : part));
  } catch (cause) {
    throw newBadRequest(`the path ${JSON.stringify(path)} is not valid percent-encoding`, { cause });
  }
}

function verbOf(method: string): string {
  switch (method) {
    case 'POST':
      return 'create';
    case 'PUT':
      return 'update';
    case 'PATCH':
      return 'patch';
    case 'DELETE':
      return 'delete';
    default:
      return 'get';
  }
}

function isWatch(query: URLSearchParams): boolean {
  const value = query.get('watch');
  return value !== null && value !== 'false' && value !== '0';
}

/** A list or watch whose field selector pins metadata.name is authorized by that name. */
function pinnedName(verb: string, query: URLSearchParams): string | undefined {
  if (verb !== 'list' && verb !== 'watch' && verb !== 'deletecollection') return undefined;
  const selector = query.get('fieldSelector');
  if (selector === null) return undefined;
  for (const term of selector.split(',')) {
    const match = /^metadata\.name==?([^=!]+)$/.exec(term.trim());
    if (match?.[1] !== undefined) return match[1];
  }
  return undefined;
}
