/**
 * The conversion webhook of a CustomResourceDefinition: ConversionReview, there and back. What comes back must be the same
 * objects in the same order, with nothing of their metadata changed but labels and annotations. Behaviour and texts of
 * k8s.io/apiextensions-apiserver pkg/apiserver/conversion.
 */
import {
  clone,
  equal,
  type FieldError,
  isObject,
  type JsonObject,
  type KubeObject,
  validateAnnotations,
  validateLabels,
} from '@flotilla/api';
import type { Random } from '@flotilla/kube';
import { newConversionError } from '../registry/converted-objects.js';
import type { VersionConverter } from '../registry/resource.js';
import { WebhookCallError, type WebhookCaller } from '../webhooks/webhook-caller.js';
import type { Crd } from './crd-types.js';

export interface ConversionDependencies {
  readonly caller: WebhookCaller;
  readonly random: Pick<Random, 'uuid'>;
}

/** As long as kube-apiserver waits. */
const timeoutMs = 30_000;

/** Undefined: the CRD has no conversion webhook. */
export function conversionWebhookOf(
  { spec }: Crd,
  dependencies: ConversionDependencies,
): VersionConverter | undefined {
  const { strategy, webhook } = spec.conversion ?? {};
  if (strategy !== 'Webhook' || webhook === undefined) return undefined;
  const { clientConfig = {}, conversionReviewVersions = [] } = webhook;
  return {
    convert: async (objects, apiVersion) => {
      // Those that are in the version already are not sent.
      const sent = objects.filter((object) => object.apiVersion !== apiVersion);
      const [first] = sent;
      if (first === undefined) return objects.map((object) => clone(object));
      const name = describe(first);
      const version = conversionReviewVersions.find((each) => each === 'v1' || each === 'v1beta1');
      if (version === undefined) throw newConversionError('no supported conversion review versions');
      const uid = dependencies.random.uuid();
      const review = {
        kind: 'ConversionReview',
        apiVersion: `apiextensions.k8s.io/${version}`,
        request: { uid, desiredAPIVersion: apiVersion, objects: sent },
      };
      const answer = await call(review, { ...dependencies, clientConfig, name });
      const converted = readObjects(answer, { uid, version, name });
      if (converted.length !== sent.length) {
        throw newConversionError(
          `conversion webhook for ${name} returned ${converted.length} objects, expected ${sent.length}`,
        );
      }
      const results = converted[Symbol.iterator]();
      return objects.map((object, index) => {
        if (object.apiVersion === apiVersion) return clone(object);
        return checked(results.next().value, { original: object, apiVersion, index });
      });
    },
  };
}

/** `group/version, Kind=Kind`, as Go prints a GroupVersionKind. */
function describe({ apiVersion, kind }: KubeObject): string {
  return `${apiVersion}, Kind=${kind}`;
}

async function call(
  review: object,
  { caller, clientConfig, name }: ConversionDependencies & CallTarget,
): Promise<JsonObject> {
  try {
    return await caller.call(clientConfig, { review, timeoutMs });
  } catch (error) {
    if (!(error instanceof WebhookCallError)) throw error;
    throw newConversionError(`conversion webhook for ${name} failed: ${error.message}`, { cause: error });
  }
}

interface CallTarget {
  readonly clientConfig: Parameters<WebhookCaller['call']>[0];
  readonly name: string;
}

function readObjects(
  answer: JsonObject,
  { uid, version, name }: { readonly uid: string; readonly version: string; readonly name: string },
): readonly unknown[] {
  const fail = (why: string): Error => newConversionError(`conversion webhook for ${name} failed: ${why}`);
  if (version === 'v1') {
    const expected = 'apiextensions.k8s.io/v1, Kind=ConversionReview';
    const got = `${String(answer['apiVersion'])}, Kind=${String(answer['kind'])}`;
    if (got !== expected) throw fail(`expected webhook response of ${expected}, got ${got}`);
  }
  const { response } = answer;
  if (!isObject(response)) throw fail('no response provided');
  if (version === 'v1' && response['uid'] !== uid) {
    throw fail(`expected response.uid=${JSON.stringify(uid)}, got ${JSON.stringify(response['uid'] ?? '')}`);
  }
  const result = isObject(response['result']) ? response['result'] : {};
  if (result['status'] !== 'Success') {
    const { message, status = '' } = result;
    throw fail(
      typeof message === 'string' && message !== ''
        ? message
        : `response.result.status was '${String(status)}', not 'Success'`,
    );
  }
  const { convertedObjects } = response;
  return Array.isArray(convertedObjects) ? convertedObjects : [];
}

interface Expectation {
  readonly original: KubeObject;
  readonly apiVersion: string;
  readonly index: number;
}

/** The object with the original's metadata. @throws StatusError 500 for another object than was asked for. */
function checked(value: unknown, { original, apiVersion, index }: Expectation): KubeObject {
  const name = describe(original);
  const fail = (what: string, why: string): Error =>
    newConversionError(`conversion webhook for ${name} returned invalid ${what} at index ${index}: ${why}`);
  if (!isObject(value)) throw fail('object', 'it is no object');
  if (value['apiVersion'] !== apiVersion) {
    const got = String(value['apiVersion'] ?? '');
    throw fail('object', `invalid groupVersion (expected ${apiVersion}, received ${got})`);
  }
  if (value['kind'] !== original.kind) {
    const got = String(value['kind'] ?? '');
    throw fail('object', `invalid kind (expected ${original.kind}, received ${got})`);
  }
  const { metadata } = value;
  if (metadata === undefined) throw fail('metadata', 'missing metadata in converted object');
  if (!isObject(metadata)) throw fail('metadata', 'invalid metadata in converted object');
  for (const [key, shown] of [
    ['name', 'name'],
    ['namespace', 'namespace'],
    ['uid', 'UID'],
  ] as const) {
    const before = original.metadata[key] ?? '';
    const after = metadata[key] ?? '';
    if (before !== after) {
      throw fail('converted object', `must have the same ${shown}: ${before} != ${String(after)}`);
    }
  }
  const restored = clone(original.metadata);
  for (const key of ['labels', 'annotations'] as const) {
    const fault = takeTexts(restored, metadata, key);
    if (fault !== undefined) throw fail('metadata', fault);
  }
  return { ...value, apiVersion, kind: original.kind, metadata: restored };
}

/** Takes labels or annotations over; answers what is wrong with them. */
function takeTexts(
  restored: KubeObject['metadata'],
  converted: JsonObject,
  key: 'labels' | 'annotations',
): string | undefined {
  const texts = converted[key];
  if (texts === undefined || texts === null) {
    delete restored[key];
    return undefined;
  }
  if (!isObject(texts)) return `invalid metadata.${key} in converted object`;
  const odd = Object.entries(texts).find(([, value]) => typeof value !== 'string');
  if (odd !== undefined) {
    return `metadata.${key}[${odd[0]}] must be a string, but is ${typeof odd[1]} in converted object`;
  }
  const map = texts as Record<string, string>; // checked above
  if (equal(map, restored[key] ?? {})) return undefined;
  const errors = key === 'labels' ? validateLabels(map) : validateAnnotations(map);
  if (errors.length > 0) return errors.map(shownError).join(', ');
  restored[key] = map;
  return undefined;
}

function shownError({ field, message }: FieldError): string {
  return `${field}: ${message}`;
}
