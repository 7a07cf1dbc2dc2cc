/**
 * Fuzzed requests: method, path, query, headers and body, each mostly what a client would send and now and then
 * not. Pure: what it makes depends on fast-check's seed only.
 */
import fc, { type Arbitrary } from 'fast-check';
import { widgetGroup } from '../support/objects.js';
import {
  applyChanges,
  type BodyKinds,
  change,
  fuzzBodies,
  jsonText,
  realObjects,
  yamlText,
} from './fuzz-bodies.js';

export interface FuzzRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where the requests write; both must exist, so that there is something to hit. */
export const fuzzNamespace = 'fuzz';

const core = [
  'configmaps',
  'secrets',
  'pods',
  'services',
  'serviceaccounts',
  'events',
  'endpoints',
  'persistentvolumeclaims',
];
const namespaced: readonly string[] = [
  ...core.map((resource) => `/api/v1/namespaces/${fuzzNamespace}/${resource}`),
  ...['deployments', 'replicasets', 'statefulsets', 'daemonsets'].map(
    (resource) => `/apis/apps/v1/namespaces/${fuzzNamespace}/${resource}`,
  ),
  `/apis/batch/v1/namespaces/${fuzzNamespace}/jobs`,
  `/apis/batch/v1/namespaces/${fuzzNamespace}/cronjobs`,
  `/apis/autoscaling/v2/namespaces/${fuzzNamespace}/horizontalpodautoscalers`,
  `/apis/autoscaling/v1/namespaces/${fuzzNamespace}/horizontalpodautoscalers`,
  `/apis/policy/v1/namespaces/${fuzzNamespace}/poddisruptionbudgets`,
  `/apis/coordination.k8s.io/v1/namespaces/${fuzzNamespace}/leases`,
  `/apis/rbac.authorization.k8s.io/v1/namespaces/${fuzzNamespace}/roles`,
  `/apis/rbac.authorization.k8s.io/v1/namespaces/${fuzzNamespace}/rolebindings`,
  `/apis/events.k8s.io/v1/namespaces/${fuzzNamespace}/events`,
  `/apis/networking.k8s.io/v1/namespaces/${fuzzNamespace}/ingresses`,
  `/apis/authorization.k8s.io/v1/namespaces/${fuzzNamespace}/localsubjectaccessreviews`,
  `/apis/${widgetGroup}/v1/namespaces/${fuzzNamespace}/widgets`,
  `/apis/${widgetGroup}/v1/namespaces/${fuzzNamespace}/ruleds`,
];
const clusterWide: readonly string[] = [
  ...['nodes', 'namespaces', 'persistentvolumes', 'configmaps', 'pods'].map(
    (resource) => `/api/v1/${resource}`,
  ),
  '/apis/rbac.authorization.k8s.io/v1/clusterroles',
  '/apis/apiextensions.k8s.io/v1/customresourcedefinitions',
  '/apis/certificates.k8s.io/v1/certificatesigningrequests',
  '/apis/apiregistration.k8s.io/v1/apiservices',
  '/apis/scheduling.k8s.io/v1/priorityclasses',
  '/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations',
  '/apis/authentication.k8s.io/v1/tokenreviews',
  '/apis/authentication.k8s.io/v1/selfsubjectreviews',
  '/apis/authorization.k8s.io/v1/subjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectaccessreviews',
  '/apis/authorization.k8s.io/v1/selfsubjectrulesreviews',
  `/apis/${widgetGroup}/v1/widgets`,
];
const others: readonly string[] = [
  ...[
    '/',
    '/api',
    '/apis',
    '/apis/apps',
    '/apis/apps/v1',
    '/api/v1',
    '/version',
    '/healthz',
    '/livez/ping',
    '/readyz',
  ],
  ...[
    '/openapi/v2',
    '/openapi/v3',
    '/openapi/v3/apis/apps/v1',
    '/metrics',
    '/openid/v1/jwks',
    '/logs',
    '/apis//v1',
  ],
  ...[
    '/.well-known/openid-configuration',
    '/api/v1/watch/namespaces/fuzz/configmaps',
    '/api/v1/watch/pods',
    '//',
  ],
  ...['/api/v1/namespaces/fuzz/finalize', '/api/v1/namespaces/fuzz/status', '/api/v1/namespaces//configmaps'],
];
/** What the server cannot do without stays: other names only. */
const names = fc.constantFrom(
  ...['a', 'b', 'd', 'p', 's', 'w', 'r', 'l', 'c', 'x', 'n', 'h', 'j', 'e', 'default', 'kube-root-ca.crt'],
  ...['%00', '%2e%2e', 'A_B', 'widgets.demo.flotilla.dev', 'a%2Fb', '..', '%ff', '%', 'x'.repeat(254)],
);
const subresources = fc.constantFrom(
  ...[
    'status',
    'scale',
    'token',
    'eviction',
    'binding',
    'log',
    'exec',
    'approval',
    'finalize',
    'proxy',
    'proxy/a/b',
  ],
  ...['attach', 'portforward', 'ephemeralcontainers', 'resize', 'nothing', '', '%2f'],
);

const path: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom(...namespaced, ...clusterWide) },
  {
    weight: 8,
    arbitrary: fc.tuple(fc.constantFrom(...namespaced), names).map(([base, name]) => `${base}/${name}`),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(fc.constantFrom(...clusterWide), names).map(([base, name]) => `${base}/${name}`),
  },
  {
    weight: 4,
    arbitrary: fc
      .tuple(fc.constantFrom(...namespaced, ...clusterWide), names, subresources)
      .map(([base, name, sub]) => `${base}/${name}/${sub}`),
  },
  { weight: 2, arbitrary: fc.constantFrom(...others) },
  { weight: 1, arbitrary: fc.array(fc.webSegment(), { maxLength: 8 }).map((parts) => `/${parts.join('/')}`) },
);

const selectors = [
  '',
  'a=b',
  'a!=b',
  'a in (b,c)',
  '!a',
  'a notin (',
  ',',
  'a==b,',
  'x/y/z=1',
  '=',
  'a>1',
  'metadata.name=a',
];
const fields = [
  'metadata.name=a',
  'spec.nodeName=x',
  'status.phase!=Running',
  'a',
  'a=b=c',
  '\\',
  'metadata.name=',
  'type=x',
];
const revisions = ['', '0', '1', '3', '-1', 'x', '1e3', '18446744073709551616', '99999999', ' ', '00'];
const flags = ['true', 'false', '1', '0', 'x', ''];
const continues = [
  ...[
    '',
    'x',
    '%%%',
    '{}',
    '{"v":"meta.k8s.io/v1","rv":1,"start":"a\\u0000"}',
    '{"v":"meta.k8s.io/v1","rv":-1,"start":"b"}',
  ],
  ...[
    '{"v":"x"}',
    '{"v":"meta.k8s.io/v1","rv":99999999,"start":"../"}',
    '{"v":"meta.k8s.io/v1","rv":"1","start":1}',
    'null',
  ],
].map((token) =>
  token.startsWith('{') || token === 'null' ? Buffer.from(token).toString('base64url') : token,
);
const managers = ['kubectl', 'me', '', 'x'.repeat(129), '\u0000', '%', 'kubectl-client-side-apply'];
const parameters: Readonly<Record<string, readonly string[]>> = {
  labelSelector: selectors,
  fieldSelector: fields,
  resourceVersion: revisions,
  resourceVersionMatch: ['Exact', 'NotOlderThan', 'x', ''],
  limit: ['0', '1', '500', '-1', 'x', '9999999999999999999'],
  continue: continues,
  watch: flags,
  allowWatchBookmarks: flags,
  sendInitialEvents: flags,
  timeoutSeconds: ['1', '0', '-1', 'x', '1e9', ''],
  timeout: ['1s', 'x', '0'],
  dryRun: ['All', 'All', 'None', ''],
  fieldManager: managers,
  fieldValidation: ['Strict', 'Warn', 'Ignore', 'x'],
  force: flags,
  pretty: flags,
  propagationPolicy: ['Foreground', 'Background', 'Orphan', 'x'],
  orphanDependents: flags,
  gracePeriodSeconds: ['0', '1', '-5', 'x'],
  includeObject: ['None', 'Metadata', 'Object', 'x'],
  container: ['c', 'x', ''],
  command: ['true', ''],
  stdout: flags,
  tailLines: ['1', '-1', 'x'],
  hash: ['x', ''],
};
const oneParameter = fc
  .constantFrom(...Object.keys(parameters))
  .chain((name) => fc.tuple(fc.constant(name), fc.constantFrom(...(parameters[name] ?? []))));
const query: Arbitrary<string> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      '?fieldManager=fuzz',
      '?fieldManager=fuzz&fieldValidation=Strict&force=true',
    ),
  },
  {
    weight: 5,
    arbitrary: fc
      .array(oneParameter, { maxLength: 5 })
      .map(
        (pairs) =>
          `?fieldManager=fuzz&${pairs.map(([name, value]) => `${name}=${encodeURIComponent(value)}`).join('&')}`,
      ),
  },
  { weight: 1, arbitrary: fc.webQueryParameters().map((parameters) => `?${parameters}`) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      '?',
      '?&&',
      '?%',
      '?a=%ff',
      '?dryRun=All&dryRun=None',
      '?watch',
      `?a=${'x'.repeat(5000)}`,
    ),
  },
);

const table = 'application/json;as=Table;v=v1;g=meta.k8s.io';
const accepts = [
  ...[
    'application/json',
    '*/*',
    '',
    table,
    'application/yaml',
    'application/vnd.kubernetes.protobuf',
    'text/html',
  ],
  ...[
    'application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1',
    `${table},application/json`,
    'a/b;q=x',
    ';;',
    ',',
  ],
  ...[
    'application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1',
    'application/cbor',
    'application/json;as=X',
  ],
  'application/vnd.kubernetes.protobuf,application/json',
  'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList',
  'application/com.github.proto-openapi.spec.v2@v1.0+protobuf',
];
const someHeaders: Arbitrary<Readonly<Record<string, string>>> = fc.oneof(
  { weight: 10, arbitrary: fc.constant({}) },
  {
    weight: 3,
    arbitrary: fc.constantFrom<Readonly<Record<string, string>>>(
      { 'user-agent': 'curl/8' },
      { 'user-agent': 'kubectl/v1.33.0 (linux/amd64)' },
      { 'accept-encoding': 'gzip' },
      { 'if-none-match': '"x"' },
      { 'impersonate-user': 'somebody', 'impersonate-group': 'system:masters' },
      { 'impersonate-group': 'lonely' },
      { 'impersonate-user': 'system:serviceaccount:fuzz:default', 'impersonate-extra-a%2fb': 'c' },
      { 'impersonate-extra-%': 'x' },
      { authorization: 'Bearer x.y.z' },
      { authorization: 'Bearer' },
      { authorization: 'Basic YTpi' },
      { authorization: `Bearer ${Buffer.from('{"alg":"none"}').toString('base64url')}.e30.` },
      { authorization: 'Bearer abcdef.0123456789abcdef' },
      {
        connection: 'Upgrade',
        upgrade: 'websocket',
        'sec-websocket-version': '13',
        'sec-websocket-key': 'x',
      },
      { connection: 'Upgrade', upgrade: 'SPDY/3.1', 'x-stream-protocol-version': 'v4.channel.k8s.io' },
      { 'x-remote-user': 'root', 'x-remote-group': 'system:masters' },
      { 'content-encoding': 'gzip' },
    ),
  },
);

type Form = readonly [contentType: string | undefined, kind: keyof BodyKinds];

const plainForms: readonly Form[] = [
  ...(['json', 'json', 'json', 'json', 'noise'] as const).map((kind): Form => ['application/json', kind]),
  ['application/yaml', 'yaml'],
  ['application/yaml', 'noise'],
  ['application/vnd.kubernetes.protobuf', 'protobuf'],
  ['application/vnd.kubernetes.protobuf', 'protobuf'],
  ['application/vnd.kubernetes.protobuf', 'json'],
  ['application/json; charset=utf-8', 'json'],
  [undefined, 'json'],
  ['application/cbor', 'noise'],
  ['text/plain', 'noise'],
  [';', 'json'],
];
const patchForms: readonly Form[] = [
  ['application/json-patch+json', 'patch'],
  ['application/merge-patch+json', 'patch'],
  ['application/strategic-merge-patch+json', 'patch'],
  ['application/apply-patch+yaml', 'json'],
  ['application/apply-patch+yaml', 'yaml'],
  ['application/merge-patch+json', 'noise'],
  ['application/json-patch+json', 'noise'],
  ['application/apply-patch+yaml', 'noise'],
  ['application/apply-patch+cbor', 'noise'],
  ['application/json', 'patch'],
];
const noForms: readonly Form[] = [
  [undefined, 'noise'],
  ['application/json', 'json'],
];

function formsOf(method: string): readonly Form[] {
  if (method === 'PATCH') return patchForms;
  return method === 'POST' || method === 'PUT' || method === 'DELETE' ? plainForms : noForms;
}

const methods = fc.constantFrom(
  ...[
    'GET',
    'GET',
    'GET',
    'POST',
    'POST',
    'POST',
    'PUT',
    'PUT',
    'PATCH',
    'PATCH',
    'PATCH',
    'PATCH',
    'DELETE',
    'HEAD',
  ],
  ...['GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'TRACE', 'PROPFIND'],
);

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
const likely: Arbitrary<FuzzRequest> = fc
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

const asked: Arbitrary<FuzzRequest> = fc
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
const reading: Arbitrary<FuzzRequest> = fc
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

/** @param recorded bodies of Go clients, to be damaged and sent as protobuf */
export function fuzzRequests(recorded: readonly Uint8Array[] = []): Arbitrary<FuzzRequest> {
  return fc.oneof(
    { weight: 5, arbitrary: likely },
    { weight: 2, arbitrary: reading },
    { weight: 1, arbitrary: asked },
    { weight: 3, arbitrary: anything(fuzzBodies(recorded)) },
  );
}

function anything(bodies: BodyKinds): Arbitrary<FuzzRequest> {
  return methods.chain((method) =>
    fc.constantFrom(...formsOf(method)).chain(([contentType, kind]) =>
      fc
        .record({
          path,
          query,
          accept: fc.option(fc.constantFrom(...accepts), { freq: 2 }),
          headers: someHeaders,
          body: bodies[kind],
        })
        .map(({ path, query, accept, headers, body }) => ({
          method,
          target: path + query,
          headers: {
            ...(contentType !== undefined && { 'content-type': contentType }),
            ...(accept !== null && { accept }),
            ...headers,
          },
          body: method === 'GET' || method === 'HEAD' ? new Uint8Array() : body,
        })),
    ),
  );
}

/** Requests that have once been answered with a failure of the server's own. */
export const pastDefects: readonly FuzzRequest[] = [
  once('DELETE', `/api/v1/namespaces/${fuzzNamespace}/pods/a`, { kind: { toString: '-1' } }),
  once('DELETE', `/api/v1/namespaces/${fuzzNamespace}/pods/a`, { propagationPolicy: { toString: 0 } }),
  once('PUT', `/api/v1/namespaces/${fuzzNamespace}/configmaps/a`, {
    apiVersion: { toString: 0 },
    kind: 'ConfigMap',
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/configmaps`, {
    metadata: { name: 'a', labels: { a: null } },
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/configmaps`, {
    metadata: { name: 'a', annotations: { a: null } },
  }),
  once('POST', `/api/v1/namespaces/${fuzzNamespace}/serviceaccounts/default/token`, {
    spec: { boundObjectRef: null },
  }),
  once('POST', '/apis/apiextensions.k8s.io/v1/customresourcedefinitions', {
    metadata: { name: 'x.demo.flotilla.dev' },
    spec: {
      group: 'demo.flotilla.dev',
      names: { plural: 'x', kind: 'X' },
      scope: 'Namespaced',
      versions: [null],
    },
  }),
];

function once(method: string, target: string, body: object): FuzzRequest {
  return {
    method,
    target,
    headers: { 'content-type': 'application/json' },
    body: Buffer.from(JSON.stringify(body)),
  };
}
