/** Fuzzed requests that nearly fit: what a client would send to the place where it belongs, with at most two faults. */
import { applyChanges, change } from '@flotilla/api/testing';
import fc, { type Arbitrary } from 'fast-check';
import { jsonText, yamlText } from './fuzz-bodies.js';
import { accepts, type FuzzRequest, fuzzNamespace, query } from './fuzz-parts.js';
import { realObjects } from './real-objects.js';

/** Where objects of a kind are kept, for those whose plural is not their kind in lower case with an s. */
const oddPlurals: Readonly<Record<string, string>> = { Ruled: 'ruled', Ingress: 'ingresses' };
const clusterKinds = new Set(['Namespace', 'Node', 'CertificateSigningRequest', 'CustomResourceDefinition']);

function collectionOf({ apiVersion, kind }: { readonly apiVersion: string; readonly kind: string }): string {
  const root = apiVersion.includes('/') ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const scope = clusterKinds.has(kind) ? root : `${root}/namespaces/${fuzzNamespace}`;
  return `${scope}/${oddPlurals[kind] ?? `${kind.toLowerCase()}s`}`;
}

interface Storable {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: object;
}

/** Objects that have a name of their own; the rest are the bodies of subresources and reviews. */
const storable = realObjects.filter(
  (object): object is Storable => 'apiVersion' in object && 'metadata' in object && !('target' in object),
);
const shortNames = ['a', 'b', 'c', 'd', 'e'];
const endings = ['', '', '', '', '', '/status', '/scale', '/approval', '/finalize', '/eviction', '/token'];

interface Attempt {
  readonly method: string;
  readonly contentType: string;
  readonly kind: 'json' | 'yaml';
}

const attempts: readonly Attempt[] = [
  ...['POST', 'POST', 'POST', 'PUT', 'PUT', 'DELETE'].map(
    (method): Attempt => ({ method, contentType: 'application/json', kind: 'json' }),
  ),
  { method: 'POST', contentType: 'application/yaml', kind: 'yaml' },
  ...['merge-patch+json', 'strategic-merge-patch+json', 'apply-patch+yaml', 'apply-patch+yaml'].map(
    (type): Attempt => ({ method: 'PATCH', contentType: `application/${type}`, kind: 'json' }),
  ),
  { method: 'PATCH', contentType: 'application/apply-patch+yaml', kind: 'yaml' },
];

/** What a client would send to the place where it belongs, with at most two faults. */
export const likely: Arbitrary<FuzzRequest> = fc
  .record({
    object: fc.constantFrom(...storable),
    name: fc.constantFrom(...shortNames),
    attempt: fc.constantFrom(...attempts),
    changes: fc.array(change, { maxLength: 2 }),
    ending: fc.constantFrom(...endings),
    query: fc.oneof(
      { weight: 4, arbitrary: fc.constantFrom('?fieldManager=fuzz', '?fieldManager=other&force=true') },
      { weight: 1, arbitrary: query },
    ),
  })
  .chain(({ object, name, attempt, changes, ending, query }) => {
    const { method, contentType, kind } = attempt;
    const base = collectionOf(object);
    // The name of a definition says what it defines.
    const own = object.kind === 'CustomResourceDefinition' ? String(Object.values(object.metadata)[0]) : name;
    const sent =
      method === 'DELETE'
        ? { propagationPolicy: 'Background' }
        : { ...object, metadata: { ...object.metadata, name: own } };
    const value = fc.constant(applyChanges(sent, changes));
    return (kind === 'json' ? jsonText(value) : yamlText(value)).map((body) => ({
      method,
      target: (method === 'POST' && ending !== '/eviction' ? base : `${base}/${own}${ending}`) + query,
      headers: { 'content-type': contentType },
      body,
    }));
  });

const inFuzz = `/namespaces/${fuzzNamespace}`;
const meta = (name: string) => ({ metadata: { name, namespace: fuzzNamespace } });
const attributes = {
  verb: 'get',
  group: '',
  resource: 'pods',
  namespace: fuzzNamespace,
  name: 'p',
  subresource: 'log',
};
/** Bodies that are answered rather than stored. */
const questions: readonly (readonly [path: string, body: object])[] = [
  [
    `/api/v1${inFuzz}/serviceaccounts/default/token`,
    {
      spec: {
        audiences: ['a'],
        expirationSeconds: 600,
        boundObjectRef: { kind: 'Pod', name: 'a', apiVersion: 'v1', uid: 'u' },
      },
    },
  ],
  ['/apis/authentication.k8s.io/v1/tokenreviews', { spec: { token: 'x.y.z', audiences: ['a'] } }],
  ['/apis/authentication.k8s.io/v1/selfsubjectreviews', {}],
  [
    '/apis/authorization.k8s.io/v1/subjectaccessreviews',
    { spec: { user: 'u', groups: ['g'], uid: 'x', extra: { a: ['b'] }, resourceAttributes: attributes } },
  ],
  [
    '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
    { spec: { nonResourceAttributes: { path: '/x', verb: 'get' } } },
  ],
  [
    `/apis/authorization.k8s.io/v1${inFuzz}/localsubjectaccessreviews`,
    { ...meta(''), spec: { user: 'u', resourceAttributes: attributes } },
  ],
  ['/apis/authorization.k8s.io/v1/selfsubjectrulesreviews', { spec: { namespace: fuzzNamespace } }],
  [
    `/api/v1${inFuzz}/pods/a/eviction`,
    { ...meta('a'), deleteOptions: { gracePeriodSeconds: 1, preconditions: { uid: 'u' } } },
  ],
  [`/api/v1${inFuzz}/pods/a/binding`, { ...meta('a'), target: { kind: 'Node', name: 'n' } }],
];

export const asked: Arbitrary<FuzzRequest> = fc
  .record({ question: fc.constantFrom(...questions), changes: fc.array(change, { maxLength: 2 }), query })
  .chain(({ question: [path, body], changes, query }) =>
    jsonText(fc.constant(applyChanges(body, changes))).map((text) => ({
      method: 'POST',
      target: path + query,
      headers: { 'content-type': 'application/json' },
      body: text,
    })),
  );

/** What was stored, read in every way. */
export const reading: Arbitrary<FuzzRequest> = fc
  .record({
    object: fc.constantFrom(...storable),
    name: fc.constantFrom('', '', ...shortNames.map((name) => `/${name}`)),
    accept: fc.constantFrom(...accepts.slice(0, 5), accepts.at(7) ?? ''),
    query,
  })
  .map(({ object, name, accept, query }) => ({
    method: 'GET',
    target: collectionOf(object) + name + query,
    headers: { accept },
    body: new Uint8Array(),
  }));
