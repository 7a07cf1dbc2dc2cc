import { type KubeObject, StatusError } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { message, text } from '../openapi/wire-writer.js';
import { decodeProtobufObject, protobufMagic } from './decode.js';
import { recordedBodies } from './recorded-bodies.js';

/** A varint field below 128. */
function small(field: number, value: number): Buffer {
  return Buffer.from([field * 8, value]);
}

function envelope(apiVersion: string, kind: string, raw: readonly Buffer[]): Buffer {
  return Buffer.concat([protobufMagic, message(1, [text(1, apiVersion), text(2, kind)]), message(2, raw)]);
}

function decode(apiVersion: string, kind: string, ...raw: readonly Buffer[]): KubeObject {
  return decodeProtobufObject(envelope(apiVersion, kind, raw));
}

function failure(bytes: Uint8Array): unknown {
  try {
    decodeProtobufObject(bytes);
    return undefined;
  } catch (error) {
    return error;
  }
}

describe('decodeProtobufObject', () => {
  for (const { command, base64, expected } of recordedBodies) {
    it(`decodes what \`${command}\` sends`, () => {
      expect(decodeProtobufObject(Buffer.from(base64, 'base64'))).to.deep.equal(expected);
    });
  }

  it('keeps a zero that a pointer points at and drops one that means absent', () => {
    const spec = message(2, [small(1, 0), small(5, 0)]);
    const { spec: decoded } = decode('apps/v1', 'Deployment', spec);
    expect(decoded).to.include({ replicas: 0 });
    expect(decoded).not.to.have.property('minReadySeconds');
  });

  it('keeps the zero of an int-or-string', () => {
    const rolling = message(2, [message(2, [small(1, 0), small(2, 0)])]);
    const spec = message(2, [message(4, [rolling])]);
    expect(decode('apps/v1', 'Deployment', spec)['spec']).to.deep.include({
      strategy: { rollingUpdate: { maxSurge: 0 } },
    });
  });

  it('writes micro times with six digits and leaves an empty time out', () => {
    // 1 s and 123456789 ns after the epoch; nanos as a varint.
    const micro = Buffer.from([0x08, 0x01, 0x10, 0x95, 0x9a, 0xef, 0x3a]);
    const spec = message(2, [message(4, [micro]), message(3, [])]);
    const lease = decode('coordination.k8s.io/v1', 'Lease', message(1, [text(1, 'l'), message(8, [])]), spec);
    expect(lease.metadata).to.deep.equal({ name: 'l' });
    expect(lease['spec']).to.include({ renewTime: '1970-01-01T00:00:01.123456Z' });
  });

  it('takes DeleteOptions in any group version', () => {
    for (const apiVersion of ['v1', 'meta.k8s.io/v1', 'apps/v1']) {
      const options = decode(apiVersion, 'DeleteOptions', small(1, 0), text(4, 'Foreground'));
      expect(options).to.include({ gracePeriodSeconds: 0, propagationPolicy: 'Foreground' });
    }
  });

  it('turns the unions of CRD schemas into their JSON form', () => {
    const schema = [
      text(5, 'object'),
      message(8, [text(1, '"x"')]), // default
      message(24, [message(1, [text(5, 'string')])]), // items
      message(33, [small(1, 1)]), // additionalItems
    ];
    const version = message(7, [text(1, 'v1'), small(2, 1), small(3, 1), message(4, [message(1, schema)])]);
    const crd = decode('apiextensions.k8s.io/v1', 'CustomResourceDefinition', message(2, [version]));
    const versions = (crd['spec'] as { versions: { schema: { openAPIV3Schema: object } }[] }).versions;
    expect(versions[0]?.schema.openAPIV3Schema).to.deep.equal({
      type: 'object',
      additionalItems: true,
      items: { type: 'string' },
      default: 'x',
    });
  });

  it('keeps a label called __proto__ as a label', () => {
    const entry = message(11, [text(1, '__proto__'), text(2, 'x')]);
    const { metadata } = decode('v1', 'ConfigMap', message(1, [entry]));
    expect(Object.keys(metadata.labels ?? {})).to.deep.equal(['__proto__']);
  });

  it('refuses what is no envelope, an unknown kind and a broken message, always with 400', () => {
    const broken = [
      Buffer.from('{}'),
      envelope('v1', 'Nothing', []),
      envelope('v1', 'ConfigMap', [Buffer.from([0x0a, 0x7f])]),
      envelope('v1', 'ConfigMap', [Buffer.from([0x0b])]),
      Buffer.concat([protobufMagic, Buffer.from([0xff])]),
    ];
    for (const bytes of broken) {
      const error = failure(bytes);
      expect(error).to.be.instanceOf(StatusError);
      expect((error as StatusError).code).to.equal(400);
    }
  });

  it('throws nothing but StatusError, whatever the bytes', () => {
    const kinds = fc.constantFrom(
      ['v1', 'Pod'],
      ['apps/v1', 'Deployment'],
      ['apiextensions.k8s.io/v1', 'CustomResourceDefinition'],
    );
    fc.assert(
      fc.property(kinds, fc.uint8Array({ maxLength: 64 }), ([apiVersion = '', kind = ''], raw) => {
        const error = failure(envelope(apiVersion, kind, [Buffer.from(raw)]));
        return error === undefined || error instanceof StatusError;
      }),
      { numRuns: 500 },
    );
  });

  it('does not change any recorded body into an error of another kind when it is damaged', () => {
    const bodies = recordedBodies.map(({ base64 }) => Buffer.from(base64, 'base64'));
    fc.assert(
      fc.property(
        fc.constantFrom(...bodies),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        (body, at, byte) => {
          const damaged = Buffer.from(body);
          damaged[4 + (at % (body.length - 4))] = byte;
          const error = failure(damaged);
          return error === undefined || error instanceof StatusError;
        },
      ),
      { numRuns: 500 },
    );
  });
});
