/**
 * AdmissionReview, there and back: what is sent to a webhook, and what its answer comes to. Texts are kube-apiserver's
 * (k8s.io/apiserver pkg/admission/plugin/webhook/request and .../errors). Pure.
 */
import {
  isObject,
  type JsonObject,
  type KubeObject,
  type Status,
  StatusError,
  type StatusReason,
} from '@flotilla/api';
import type { ResourceDefinition } from '../../registry/resource.js';
import type { AdmissionAttributes } from '../admission.js';
import { admissionRequest } from '../matching/admission-request.js';

const group = 'admission.k8s.io';

export type ReviewVersion = 'v1' | 'v1beta1';

/** The first version that both sides know. */
export function reviewVersion(versions: readonly string[]): ReviewVersion | undefined {
  return versions.find((version) => version === 'v1' || version === 'v1beta1') as ReviewVersion | undefined; // found by name
}

export interface ReviewedObjects {
  readonly object: KubeObject | undefined;
  readonly oldObject: KubeObject | undefined;
}

/** The body of the request. */
export function admissionReview(
  attributes: AdmissionAttributes,
  objects: ReviewedObjects,
  { version, uid, matched }: { version: ReviewVersion; uid: string; matched: ResourceDefinition },
): JsonObject {
  const { options, ...request } = admissionRequest(attributes, { matched, uid });
  return {
    kind: 'AdmissionReview',
    apiVersion: `${group}/${version}`,
    request: {
      ...request,
      object: objects.object ?? null,
      oldObject: objects.oldObject ?? null,
      options: isObject(options) && Object.keys(options).length > 0 ? options : null,
    },
  };
}

export interface AdmissionAnswer {
  readonly allowed: boolean;
  readonly status: JsonObject | undefined;
  /** JSON text of the patch; undefined: none. */
  readonly patch: string | undefined;
  readonly warnings: readonly string[];
  readonly auditAnnotations: Readonly<Record<string, string>>;
}

/** @throws Error for an answer that does not belong to the review or breaks the rules of its version. */
export function readAnswer(
  review: JsonObject,
  { version, uid, mutating }: { version: ReviewVersion; uid: string; mutating: boolean },
): AdmissionAnswer {
  const { response } = review;
  if (!isObject(response)) throw new Error('webhook response was absent');
  const { patch, patchType } = response;
  if (version === 'v1') {
    if (response['uid'] !== uid) {
      throw new Error(
        `expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`,
      );
    }
    const expected = `${group}/v1, Kind=AdmissionReview`;
    const got = `${String(review['apiVersion'])}, Kind=${String(review['kind'])}`;
    if (got !== expected) throw new Error(`expected webhook response of ${expected}, got ${got}`);
    checkPatch({ hasPatch: isGiven(patch), patchType, mutating });
  }
  return {
    allowed: response['allowed'] === true,
    status: isObject(response['status']) ? response['status'] : undefined,
    patch: mutating && isGiven(patch) ? decodePatch(patch) : undefined,
    warnings: texts(response['warnings']),
    auditAnnotations: textMap(response['auditAnnotations']),
  };
}

function isGiven(value: unknown): boolean {
  return value !== undefined && value !== null && value !== '';
}

function checkPatch({
  hasPatch,
  patchType,
  mutating,
}: {
  hasPatch: boolean;
  patchType: unknown;
  mutating: boolean;
}): void {
  const hasType = patchType !== undefined && patchType !== null;
  if (!mutating) {
    if (hasPatch) throw new Error('validating webhook may not return response.patch');
    if (hasType) throw new Error('validating webhook may not return response.patchType');
    return;
  }
  if (hasPatch && !hasType) throw new Error('webhook returned response.patch but not response.patchType');
  if (!hasPatch && hasType) throw new Error('webhook returned response.patchType but not response.patch');
  if (hasType && patchType === '') throw new Error('webhook returned invalid response.patchType of ""');
  if (hasType && patchType !== 'JSONPatch') {
    throw new Error(`unsupported patch type ${JSON.stringify(patchType)}`);
  }
}

function decodePatch(patch: unknown): string {
  if (typeof patch !== 'string' || !/^[A-Za-z0-9+/]*={0,2}$/.test(patch)) {
    throw new Error('response.patch is not base64');
  }
  return Buffer.from(patch, 'base64').toString();
}

function texts(value: unknown): string[] {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : [];
}

function textMap(value: unknown): Record<string, string> {
  if (!isObject(value)) return {};
  return Object.fromEntries(
    Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
  );
}

/** The refusal of a webhook: its own status, in a form that is a failure and says who refused. */
export function rejection(webhook: string, result: JsonObject | undefined): StatusError {
  const denied = `admission webhook ${JSON.stringify(webhook)} denied the request`;
  const { message, reason, code, details, metadata } = result ?? {};
  const said = [message, reason].find((text) => typeof text === 'string' && text !== '');
  const status: Status = {
    kind: 'Status',
    apiVersion: 'v1',
    metadata: isObject(metadata) ? metadata : {},
    status: 'Failure',
    message: said === undefined ? `${denied} without explanation` : `${denied}: ${String(said)}`,
    ...(typeof reason === 'string' && reason !== '' && { reason: reason as StatusReason }), // any text is one
    ...(isObject(details) && { details }),
    // A rejection is no success, whatever it says.
    code: typeof code === 'number' && code >= 400 ? code : 400,
  };
  return new StatusError(status);
}
