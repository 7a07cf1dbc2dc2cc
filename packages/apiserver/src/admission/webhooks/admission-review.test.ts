import type { JsonObject } from '@flotilla/api';
import { expect } from 'chai';
import { podObject, testAttributes } from '../matching/testing.js';
import { admissionReview, readAnswer, rejection, reviewVersion } from './admission-review.js';

const uid = 'u-1';
const answer = (response: JsonObject | undefined, more: JsonObject = {}): JsonObject => ({
  kind: 'AdmissionReview',
  apiVersion: 'admission.k8s.io/v1',
  ...(response && { response: { uid, ...response } }),
  ...more,
});
const encode = (text: string): string => Buffer.from(text).toString('base64');

describe('admission review', () => {
  it('shows the whole request', () => {
    const attributes = testAttributes({ object: podObject('a'), options: { kind: 'CreateOptions' } });
    const { definition: matched } = attributes;
    const objects = { object: attributes.object, oldObject: undefined };
    const review = admissionReview(attributes, objects, { version: 'v1beta1', uid, matched });
    expect(review['apiVersion']).to.equal('admission.k8s.io/v1beta1');
    expect(review['request']).to.deep.include({
      uid,
      name: 'a',
      namespace: 'default',
      operation: 'CREATE',
      object: podObject('a'),
      oldObject: null,
      dryRun: false,
      options: { kind: 'CreateOptions' },
    });
  });

  it('is of the first version that both know', () => {
    expect(reviewVersion(['v3', 'v1beta1', 'v1'])).to.equal('v1beta1');
    expect(reviewVersion(['v3'])).to.equal(undefined);
  });

  it('reads patch, warnings and annotations', () => {
    const read = readAnswer(
      answer({
        allowed: true,
        patch: encode('[]'),
        patchType: 'JSONPatch',
        warnings: ['w', 1],
        auditAnnotations: { a: 'b', c: 1 },
      }),
      { version: 'v1', uid, mutating: true },
    );
    expect(read).to.deep.equal({
      allowed: true,
      status: undefined,
      patch: '[]',
      warnings: ['w'],
      auditAnnotations: { a: 'b' },
    });
  });

  const faults: readonly [string, JsonObject, boolean][] = [
    ['webhook response was absent', answer(undefined), true],
    ['expected response.uid="u-1", got "other"', answer({ uid: 'other' }), true],
    [
      'expected webhook response of admission.k8s.io/v1, Kind=AdmissionReview, got admission.k8s.io/v1, Kind=Pod',
      answer({}, { kind: 'Pod' }),
      true,
    ],
    ['webhook returned response.patch but not response.patchType', answer({ patch: encode('[]') }), true],
    ['webhook returned response.patchType but not response.patch', answer({ patchType: 'JSONPatch' }), true],
    ['webhook returned invalid response.patchType of ""', answer({ patch: 'W10=', patchType: '' }), true],
    ['unsupported patch type "Merge"', answer({ patch: 'W10=', patchType: 'Merge' }), true],
    ['response.patch is not base64', answer({ patch: '{}', patchType: 'JSONPatch' }), true],
    [
      'validating webhook may not return response.patch',
      answer({ patch: 'W10=', patchType: 'JSONPatch' }),
      false,
    ],
    ['validating webhook may not return response.patchType', answer({ patchType: 'JSONPatch' }), false],
  ];
  for (const [message, review, mutating] of faults) {
    it(`refuses: ${message}`, () => {
      expect(() => readAnswer(review, { version: 'v1', uid, mutating })).to.throw(message);
    });
  }

  it('asks less of v1beta1: neither uid nor patchType', () => {
    const lenient = answer({ uid: '', allowed: true, patch: encode('[]') });
    expect(readAnswer(lenient, { version: 'v1beta1', uid, mutating: true }).patch).to.equal('[]');
    expect(readAnswer(lenient, { version: 'v1beta1', uid, mutating: false }).patch).to.equal(undefined);
  });

  it('makes a failure of whatever status comes with a rejection', () => {
    const denied = 'admission webhook "w.x.io" denied the request';
    const cases: readonly [JsonObject | undefined, string, number, string | undefined][] = [
      [undefined, `${denied} without explanation`, 400, undefined],
      [{ message: 'no', code: 403, reason: 'Forbidden' }, `${denied}: no`, 403, 'Forbidden'],
      [{ reason: 'Tired', code: 200, status: 'Success' }, `${denied}: Tired`, 400, 'Tired'],
    ];
    for (const [status, message, code, reason] of cases) {
      const error = rejection('w.x.io', status);
      expect([error.status.status, error.message, error.code, error.reason]).to.deep.equal([
        'Failure',
        message,
        code,
        reason,
      ]);
    }
  });
});
