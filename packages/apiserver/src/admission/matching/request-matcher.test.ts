import { expect } from 'chai';
import { testDefinition } from '../../handlers/testing/handler-test-kit.js';
import { ResourceRegistry } from '../../registry/resource-registry.js';
import { kindOf, objectsFor } from './admission-request.js';
import { createRequestMatcher, equivalentDefinitions, isAdmissionConfiguration } from './request-matcher.js';
import type { MatchRule } from './rules.js';
import { namespaceDefinition, namespaceObject, podDefinition, podObject, testAttributes } from './testing.js';

const registry = new ResourceRegistry();
const pods: MatchRule = { operations: ['*'], apiGroups: [''], apiVersions: ['v1'], resources: ['pods'] };

describe('matching of admission requests', () => {
  it('takes any request without rules, none with an empty list', () => {
    const attributes = testAttributes({ object: podObject('a') });
    expect(createRequestMatcher({ resourceRules: undefined }, registry).match(attributes)).to.equal(
      podDefinition,
    );
    expect(createRequestMatcher({ resourceRules: [] }, registry).match(attributes)).to.equal(undefined);
  });

  it('excludes what an exclusion names', () => {
    const matcher = createRequestMatcher(
      { resourceRules: [pods], excludeResourceRules: [{ ...pods, resourceNames: ['system'] }] },
      registry,
    );
    expect(matcher.match(testAttributes({ object: podObject('a') }))).to.equal(podDefinition);
    expect(matcher.match(testAttributes({ object: podObject('system') }))).to.equal(undefined);
  });

  it('judges by the labels of the namespace', () => {
    const matcher = createRequestMatcher(
      { resourceRules: [pods], namespaceSelector: { matchLabels: { env: 'prod' } } },
      registry,
    );
    const within = (labels: Record<string, string>) =>
      matcher.match(
        testAttributes({ object: podObject('a') }, { 'namespaces/default': namespaceObject('x', labels) }),
      );
    expect(within({ env: 'prod' })).to.equal(podDefinition);
    expect(within({ env: 'test' })).to.equal(undefined);
    expect(() => matcher.match(testAttributes({ object: podObject('a') }))).to.throw(
      'namespaces "default" not found',
    );
  });

  it('judges a Namespace by its own labels, and lets other cluster-scoped objects pass', () => {
    const matcher = createRequestMatcher(
      { resourceRules: undefined, namespaceSelector: { matchLabels: { env: 'prod' } } },
      registry,
    );
    const namespace = (labels: Record<string, string>) =>
      matcher.match(
        testAttributes({ definition: namespaceDefinition, object: namespaceObject('x', labels) }),
      );
    expect(namespace({ env: 'prod' })).to.equal(namespaceDefinition);
    expect(namespace({})).to.equal(undefined);
    const nodes = testDefinition({ resource: 'nodes', kind: 'Node', namespaced: false, schema: {} });
    expect(
      matcher.match(testAttributes({ definition: nodes, object: { ...podObject('n'), kind: 'Node' } })),
    ).to.equal(nodes);
  });

  it('is content when the old or the new object has the labels', () => {
    const matcher = createRequestMatcher(
      { resourceRules: [pods], objectSelector: { matchLabels: { app: 'web' } } },
      registry,
    );
    const update = (now: Record<string, string>, before: Record<string, string>) =>
      matcher.match(
        testAttributes({
          operation: 'UPDATE',
          object: podObject('a', now),
          oldObject: podObject('a', before),
        }),
      );
    expect(update({ app: 'web' }, {})).to.equal(podDefinition);
    expect(update({}, { app: 'web' })).to.equal(podDefinition);
    expect(update({}, {})).to.equal(undefined);
  });

  it('leaves the configuration of admission itself alone', () => {
    const policies = testDefinition({
      group: 'admissionregistration.k8s.io',
      resource: 'validatingadmissionpolicies',
      kind: 'ValidatingAdmissionPolicy',
      schema: {},
    });
    expect(isAdmissionConfiguration(testAttributes({ definition: policies }))).to.equal(true);
    expect(isAdmissionConfiguration(testAttributes({}))).to.equal(false);
  });

  describe('with matchPolicy', () => {
    const schema = { type: 'object' } as const;
    const facts = { resource: 'widgets', kind: 'Widget', group: 'demo.io', schema, storageVersion: 'v1' };
    const v1 = testDefinition({ ...facts, version: 'v1' });
    const v2 = testDefinition({ ...facts, version: 'v2' });
    const served = new ResourceRegistry();
    served.set('widgets', [v1, v2]);
    const rule = { operations: ['*'], apiGroups: ['demo.io'], apiVersions: ['v1'], resources: ['widgets'] };
    const object = { apiVersion: 'demo.io/v2', kind: 'Widget', metadata: { name: 'a' }, spec: { x: 1 } };
    const attributes = testAttributes({ definition: v2, object });

    it('Equivalent finds the version of the rule, and shows the object in it', async () => {
      expect(equivalentDefinitions(v2, served)).to.deep.equal([v1]);
      const matched = createRequestMatcher({ resourceRules: [rule] }, served).match(attributes);
      expect(matched).to.equal(v1);
      expect(kindOf({ subresource: undefined }, v1)).to.deep.equal({
        group: 'demo.io',
        version: 'v1',
        kind: 'Widget',
      });
      expect((await objectsFor(attributes, v1)).object).to.deep.equal({
        ...object,
        apiVersion: 'demo.io/v1',
      });
      expect((await objectsFor(attributes, v2)).object).to.equal(object);
    });

    it('Exact looks at the version of the request only', () => {
      const matcher = createRequestMatcher({ resourceRules: [rule], matchPolicy: 'Exact' }, served);
      expect(matcher.match(attributes)).to.equal(undefined);
      expect(matcher.match(testAttributes({ definition: v1, object }))).to.equal(v1);
    });
  });
});
