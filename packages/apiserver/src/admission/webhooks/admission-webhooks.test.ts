import type { JsonObject, KubeObject } from '@flotilla/api';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { MemoryReader } from '../../authentication/testing/memory-reader.js';
import { configMaps } from '../../handlers/testing/handler-test-kit.js';
import { ResourceRegistry } from '../../registry/resource-registry.js';
import type { WebhookClientConfig } from '../../webhooks/client-config.js';
import { WebhookCallError } from '../../webhooks/webhook-caller.js';
import { type AdmissionAttributes, type AdmissionPlugin, admit, validateAdmission } from '../admission.js';
import { testAttributes } from '../matching/testing.js';
import { createAdmissionWebhooks } from './admission-webhooks.js';

type Answer = (request: JsonObject) => JsonObject | Error;

const group = 'admissionregistration.k8s.io';

/** Webhooks that are functions, by their names. */
class TestWebhooks {
  readonly asked: string[] = [];
  readonly reader = new MemoryReader();
  readonly #answers = new Map<string, Answer>();
  readonly #registry = new ResourceRegistry();
  readonly plugins;

  constructor() {
    this.#registry.set('builtin', [configMaps]);
    const call = async ({ url = '' }: WebhookClientConfig, { review }: { review: object }) => {
      const request = (review as { request: JsonObject }).request;
      const name = url.slice('https://'.length);
      this.asked.push(name);
      const answer = this.#answers.get(name)?.(request) ?? new Error('nobody there');
      if (answer instanceof Error) throw new WebhookCallError('call', answer.message);
      const response = { uid: request['uid'], ...answer };
      return { kind: 'AdmissionReview', apiVersion: 'admission.k8s.io/v1', response };
    };
    this.plugins = createAdmissionWebhooks({
      caller: { call },
      authorizer: { authorize: () => ({ allowed: true, reason: '' }) },
      env: createTestEnv(),
      reader: this.reader,
      registry: this.#registry,
    });
  }

  /** One webhook in a configuration of its own, which has its name. */
  add(type: 'Mutating' | 'Validating', name: string, answer: Answer, more: JsonObject = {}): void {
    this.#answers.set(name, answer);
    const rules = [{ operations: ['*'], apiGroups: ['*'], apiVersions: ['*'], resources: ['*'] }];
    this.reader.put(group, `${type.toLowerCase()}webhookconfigurations`, {
      apiVersion: `${group}/v1`,
      kind: `${type}WebhookConfiguration`,
      metadata: { name },
      webhooks: [
        {
          name,
          clientConfig: { url: `https://${name}` },
          rules,
          sideEffects: 'None',
          admissionReviewVersions: ['v1'],
          ...more,
        },
      ],
    });
  }
}

const patch = (...operations: readonly object[]): JsonObject => ({
  allowed: true,
  patchType: 'JSONPatch',
  patch: Buffer.from(JSON.stringify(operations)).toString('base64'),
});
const map = (data: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name: 'a', namespace: 'default' },
  data,
});
const attributesOf = (facts: Partial<AdmissionAttributes> = {}) =>
  testAttributes({ definition: configMaps, object: map(), ...facts });
const dataOf = (request: JsonObject): Record<string, string> =>
  (request['object'] as { data: Record<string, string> }).data;

async function messageOf(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => 'nothing',
    (error: unknown) => (error as Error).message,
  );
}

describe('admission webhooks', () => {
  let webhooks: TestWebhooks;
  const allPlugins = (): AdmissionPlugin[] => [webhooks.plugins.mutating, webhooks.plugins.validating];
  beforeEach(() => {
    webhooks = new TestWebhooks();
  });

  it('handle nothing while there are none, and never their own configurations', () => {
    const { mutating, validating } = webhooks.plugins;
    expect([mutating.handles(attributesOf()), validating.handles(attributesOf())]).to.deep.equal([
      false,
      false,
    ]);
    webhooks.add('Validating', 'a', () => ({ allowed: true }));
    expect([mutating.handles(attributesOf()), validating.handles(attributesOf())]).to.deep.equal([
      false,
      true,
    ]);
    const own = { ...configMaps, group, resource: 'validatingwebhookconfigurations' };
    expect(validating.handles(attributesOf({ definition: own }))).to.equal(false);
  });

  it('ask again only those that want it, once, after another one behind or before them changed the object', async () => {
    const add = (key: string) => patch({ op: 'add', path: `/data/${key}`, value: '1' });
    webhooks.add('Mutating', 'a', (request) => add(`a${Object.keys(dataOf(request)).length}`), {
      reinvocationPolicy: 'IfNeeded',
    });
    webhooks.add('Mutating', 'b', () => add('b'));
    webhooks.add('Mutating', 'c', () => add('b'), { reinvocationPolicy: 'IfNeeded' });
    const attributes = attributesOf();
    await admit(allPlugins(), attributes);
    expect(webhooks.asked).to.deep.equal(['a', 'b', 'c', 'a', 'c']);
    expect(attributes.object?.['data']).to.deep.equal({ a0: '1', b: '1', a2: '1' });
  });

  it('do not ask again when the only change was made before them', async () => {
    webhooks.add('Mutating', 'a', () => patch({ op: 'add', path: '/data/x', value: '1' }));
    webhooks.add('Mutating', 'b', () => ({ allowed: true }), { reinvocationPolicy: 'IfNeeded' });
    await admit(allPlugins(), attributesOf());
    expect(webhooks.asked).to.deep.equal(['a', 'b']);
  });

  it('ask again when another plugin changes the object in the second round', async () => {
    webhooks.add('Mutating', 'a', () => ({ allowed: true }), { reinvocationPolicy: 'IfNeeded' });
    webhooks.add('Mutating', 'b', () => patch({ op: 'add', path: '/data/b', value: '1' }));
    const builtin: AdmissionPlugin = {
      name: 'builtin',
      handles: () => true,
      admit: ({ object, reinvocation }) => {
        if (object !== undefined) object.metadata.labels = { round: String(reinvocation) };
      },
    };
    await admit([builtin, ...allPlugins()], attributesOf());
    expect(webhooks.asked).to.deep.equal(['a', 'b', 'a']);
  });

  it('leave notes for the audit log', async () => {
    webhooks.add('Mutating', 'a', () => ({
      ...patch({ op: 'add', path: '/data/x', value: '1' }),
      auditAnnotations: { why: 'because' },
    }));
    webhooks.add('Mutating', 'b', () => new Error('gone'), { failurePolicy: 'Ignore' });
    const attributes = attributesOf();
    await admit(allPlugins(), attributes);
    expect(Object.fromEntries(attributes.annotations)).to.deep.equal({
      'a/why': 'because',
      'patch.webhook.admission.k8s.io/round_0_index_0':
        '{"configuration":"a","webhook":"a","patch":[{"op":"add","path":"/data/x","value":"1"}],"patchType":"JSONPatch"}',
      'mutation.webhook.admission.k8s.io/round_0_index_0':
        '{"configuration":"a","webhook":"a","mutated":true}',
      'failed-open.mutation.webhook.admission.k8s.io/round_0_index_1': 'b',
      'mutation.webhook.admission.k8s.io/round_0_index_1':
        '{"configuration":"b","webhook":"b","mutated":false}',
    });
  });

  it('fail closed by default, with the text of the reference', async () => {
    webhooks.add('Validating', 'a', () => new Error('Post "x": EOF'));
    expect(await messageOf(validateAdmission(allPlugins(), attributesOf()))).to.equal(
      'Internal error occurred: failed calling webhook "a": failed to call webhook: Post "x": EOF',
    );
  });

  it('are all asked, and the first in order that refuses is heard', async () => {
    webhooks.add('Validating', 'c', () => ({ allowed: false, status: { message: 'c' } }));
    webhooks.add('Validating', 'b', () => ({ allowed: false, status: { message: 'b' } }));
    webhooks.add('Validating', 'a', () => ({ allowed: true, warnings: ['w'] }));
    const attributes = attributesOf();
    expect(await messageOf(validateAdmission(allPlugins(), attributes))).to.equal(
      'admission webhook "b" denied the request: b',
    );
    expect([webhooks.asked, attributes.warnings]).to.deep.equal([['a', 'b', 'c'], ['w']]);
  });

  it('with side effects take part in no dry run, whatever their failure policy', async () => {
    webhooks.add('Validating', 'a', () => ({ allowed: true }), {
      sideEffects: 'Some',
      failurePolicy: 'Ignore',
    });
    expect(await messageOf(validateAdmission(allPlugins(), attributesOf({ dryRun: true })))).to.equal(
      'admission webhook "a" does not support dry run',
    );
    expect(webhooks.asked).to.deep.equal([]);
  });

  it('cannot change what is deleted, nor make of it what it is not', async () => {
    const deletion = attributesOf({ operation: 'DELETE', object: undefined, oldObject: map() });
    webhooks.add('Mutating', 'a', () => patch({ op: 'add', path: '/kind', value: 'Secret' }));
    expect(await messageOf(admit(allPlugins(), deletion))).to.contain(
      'admission webhook "a" attempted to modify the object, which is not supported for this operation',
    );
    expect(await messageOf(admit(allPlugins(), attributesOf()))).to.match(
      /^Internal error occurred: .*Secret/,
    );
  });

  it('are followed: a configuration that goes is asked no more', async () => {
    webhooks.add('Validating', 'a', () => ({ allowed: false }));
    expect(await messageOf(validateAdmission(allPlugins(), attributesOf()))).to.contain('denied');
    webhooks.reader.delete(group, 'validatingwebhookconfigurations', {
      apiVersion: 'x',
      kind: 'x',
      metadata: { name: 'a' },
    });
    expect(await messageOf(validateAdmission(allPlugins(), attributesOf()))).to.equal('nothing');
  });
});
