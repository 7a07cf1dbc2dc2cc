/** What all fuzzed requests are made of: queries and kinds of answers that are asked for. Pure. */
import fc, { type Arbitrary } from 'fast-check';

export interface FuzzRequest {
  readonly method: string;
  /** With the query. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** Where the requests write; both must exist, so that there is something to hit. */
export const fuzzNamespace = 'fuzz';

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
export const query: Arbitrary<string> = fc.oneof(
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
export const accepts = [
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
