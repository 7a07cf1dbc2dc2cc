/**
 * POST serviceaccounts/<name>/token: checks what is asked and issues the token, which is answered and never stored.
 * k8s pkg/registry/core/serviceaccount/storage; apiserver.md 5.4.
 */
import {
  type FieldError,
  fieldErrors,
  formatTime,
  type KubeObject,
  newBadRequest,
  newConflict,
  newInvalid,
  newNotFound,
  parseApiVersion,
} from '@flotilla/api';
import type { ObjectReader } from '../authentication/object-reader.js';
import type { CustomSubresource } from '../registry/resource.js';
import type { BoundObject, IssueOptions, ServiceAccountTokens } from './tokens.js';

/** authentication.k8s.io/v1 TokenRequestSpec. */
interface TokenRequestSpec {
  readonly audiences?: readonly string[] | null;
  readonly expirationSeconds?: number;
  readonly boundObjectRef?: {
    readonly kind?: string;
    readonly apiVersion?: string;
    readonly name?: string;
    readonly uid?: string;
  } | null;
}

type CreateContext = Parameters<NonNullable<CustomSubresource['create']>>[1];

const defaultSeconds = 3600;
const shortestSeconds = 600;
const longestSeconds = 2 ** 32;
const boundResources = { Pod: 'pods', Secret: 'secrets', Node: 'nodes' } as const;

/** @throws StatusError 400, 404, 409 or 422. */
export function answerTokenRequest(
  tokens: ServiceAccountTokens,
  body: KubeObject,
  { name, namespace = '', parent, dryRun }: CreateContext,
): KubeObject {
  const spec = (body['spec'] ?? {}) as TokenRequestSpec; // types were checked on the way in
  const expirationSeconds = spec.expirationSeconds ?? defaultSeconds;
  const errors = durationErrors(expirationSeconds);
  const subject = { group: 'authentication.k8s.io', resource: 'TokenRequest', name };
  if (errors.length > 0) throw newInvalid(subject, errors);
  const audiences = spec.audiences?.length ? spec.audiences : tokens.audiences;
  const binding = bindingOf(tokens.reader, spec.boundObjectRef, { namespace, account: name });
  const uid = parent?.metadata.uid ?? '';
  const issued = tokens.issue({ namespace, name, uid, audiences, expirationSeconds, ...binding });
  return {
    ...body,
    spec: { ...spec, audiences, expirationSeconds },
    // A dry run must leave nothing behind, and a token cannot be taken back.
    status: { token: dryRun ? '' : issued.token, expirationTimestamp: formatTime(issued.expirationMs) },
  };
}

function durationErrors(seconds: number): FieldError[] {
  const field = 'spec.expirationSeconds';
  if (seconds < shortestSeconds) {
    return [fieldErrors.invalid(field, seconds, 'may not specify a duration less than 10 minutes')];
  }
  if (seconds > longestSeconds) {
    return [fieldErrors.invalid(field, seconds, 'may not specify a duration larger than 2^32 seconds')];
  }
  return [];
}

function bindingOf(
  reader: ObjectReader,
  ref: TokenRequestSpec['boundObjectRef'],
  { namespace, account }: { namespace: string; account: string },
): Pick<IssueOptions, 'boundObject' | 'node'> {
  if (ref === undefined || ref === null) return {}; // kubectl before 1.32 sends null
  const { kind = '', apiVersion = '', name = '', uid = '' } = ref;
  const { group, version } = parseApiVersion(apiVersion);
  if (group !== '' || !isBindable(kind)) {
    throw newBadRequest(`cannot bind token to object of type ${group}/${version}, Kind=${kind}`);
  }
  const resource = boundResources[kind];
  const object = reader.get('', resource, kind === 'Node' ? { name } : { namespace, name });
  if (object === undefined) throw newNotFound({ group: '', resource, name });
  const { serviceAccountName = '', nodeName = '' } = (object['spec'] ?? {}) as Record<string, string>;
  if (kind === 'Pod' && serviceAccountName !== account) {
    throw newBadRequest(
      `cannot bind token for serviceaccount ${JSON.stringify(account)} to pod running with different serviceaccount name.`,
    );
  }
  const actual = object.metadata.uid ?? '';
  if (uid !== '' && uid !== actual) {
    throw newConflict(
      { group: '', resource: kind, name },
      `the UID in the bound object reference (${uid}) does not match the UID in record. The object might have been deleted and then recreated`,
    );
  }
  const boundObject: BoundObject = { kind, name, uid: actual };
  if (kind !== 'Pod' || nodeName === '') return { boundObject };
  const nodeUid = reader.get('', 'nodes', { name: nodeName })?.metadata.uid;
  return { boundObject, node: { name: nodeName, ...(nodeUid !== undefined && { uid: nodeUid }) } };
}

function isBindable(kind: string): kind is BoundObject['kind'] {
  return Object.hasOwn(boundResources, kind);
}
