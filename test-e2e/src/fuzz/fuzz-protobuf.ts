/** Protobuf bodies for fuzzed requests: envelopes around messages that look like those of Kubernetes, and damaged ones. */
import fc, { type Arbitrary } from 'fast-check';
import { envelope } from '../support/protobuf.js';

interface WireField {
  readonly number: number;
  readonly content: Uint8Array | number | readonly WireField[];
}

/** Messages that look like those of Kubernetes: small field numbers, texts, numbers, messages in messages. */
const wireMessage: Arbitrary<readonly WireField[]> = fc.letrec<{ message: readonly WireField[] }>((tie) => ({
  message: fc.array(
    fc.record({
      number: fc.integer({ min: 1, max: 42 }),
      content: fc.oneof(
        { depthSize: 'small', withCrossShrink: true },
        fc.string({ maxLength: 12 }).map((content) => Buffer.from(content)),
        fc.uint8Array({ maxLength: 12 }),
        fc.integer({ min: 0, max: 2_147_483_647 }),
        tie('message'),
      ),
    }),
    { maxLength: 6 },
  ),
})).message;

function varint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7f; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 0x80);
  return [...bytes, rest];
}

function wireBytes(fields: readonly WireField[]): Buffer {
  return Buffer.concat(
    fields.map(({ number, content }) => {
      if (typeof content === 'number') return Buffer.from([...varint(number << 3), ...varint(content)]);
      const bytes =
        content instanceof Uint8Array ? Buffer.from(content) : wireBytes(content as readonly WireField[]);
      return Buffer.concat([Buffer.from([...varint((number << 3) | 2), ...varint(bytes.length)]), bytes]);
    }),
  );
}

const messageKinds: readonly (readonly [string, string])[] = [
  ...(['ConfigMap', 'Secret', 'Pod', 'Namespace', 'Service', 'Node', 'Event', 'ServiceAccount'] as const).map(
    (kind) => ['v1', kind] as const,
  ),
  ['apps/v1', 'Deployment'],
  ['batch/v1', 'Job'],
  ['rbac.authorization.k8s.io/v1', 'Role'],
  ['coordination.k8s.io/v1', 'Lease'],
  ['certificates.k8s.io/v1', 'CertificateSigningRequest'],
  ['authorization.k8s.io/v1', 'SubjectAccessReview'],
  ['authentication.k8s.io/v1', 'TokenRequest'],
  ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
  ['v1', 'DeleteOptions'],
  ['policy/v1', 'Eviction'],
  ['autoscaling/v1', 'Scale'],
  ['demo.flotilla.dev/v1', 'Widget'],
];

/** Envelopes around random messages, and recorded bodies with a few bytes changed. */
export function protobufBody(recorded: readonly Uint8Array[]): Arbitrary<Uint8Array> {
  const enveloped = fc
    .tuple(fc.constantFrom(...messageKinds), wireMessage)
    .map(([[apiVersion, kind], message]) => envelope(apiVersion, kind, wireBytes(message)));
  const noise = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.concat([Buffer.from('k8s\0'), bytes]));
  if (recorded.length === 0) return fc.oneof(enveloped, noise);
  const damaged = fc
    .tuple(
      fc.constantFrom(...recorded),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 4 }),
      fc.option(fc.nat(), { freq: 4 }),
    )
    .map(([body, changes, cut]) => {
      const bytes = Buffer.from(body);
      for (const [position, value] of changes) bytes[position % bytes.length] = value;
      return cut === null ? bytes : bytes.subarray(0, cut % bytes.length);
    });
  return fc.oneof(damaged, enveloped, noise);
}
