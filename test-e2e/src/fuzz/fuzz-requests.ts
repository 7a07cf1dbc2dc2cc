/**
 * Fuzzed requests: method, path, query, headers and body, each mostly what a client would send and now and then
 * not. Pure: what it makes depends on fast-check's seed only.
 */
import fc, { type Arbitrary } from 'fast-check';
import { widgetGroup } from '../support/objects.js';
import { type BodyKinds, fuzzBodies } from './fuzz-bodies.js';
import { asked, likely, reading } from './fuzz-likely.js';
import { accepts, type FuzzRequest, fuzzNamespace, query } from './fuzz-parts.js';

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
