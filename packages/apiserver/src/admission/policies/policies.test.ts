import { type KubeObject, StatusError } from '@flotilla/api';
import { type KubeClient, type ResourceRef, wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { startTestApi, type TestApi } from '../../authentication/testing/api-server.js';

const policies = registration('validatingadmissionpolicies');
const bindings = registration('validatingadmissionpolicybindings');

function registration(resource: string): ResourceRef {
  return { group: 'admissionregistration.k8s.io', version: 'v1', resource, namespaced: false };
}

const configMapRule = { apiGroups: [''], apiVersions: ['v1'], operations: ['*'], resources: ['configmaps'] };

function policy(spec: object, name = 'p'): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec: { matchConstraints: { resourceRules: [configMapRule] }, ...spec },
  };
}

function binding(spec: object = {}, name = 'b'): KubeObject {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name },
    spec: { policyName: 'p', validationActions: ['Deny'], ...spec },
  };
}

function configMap(name: string, data: Record<string, string> = {}, labels = {}): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'default', labels }, data };
}

describe('ValidatingAdmissionPolicy', () => {
  let api: TestApi;
  beforeEach(async () => {
    api = await startTestApi();
    await api.root.create(wellKnown.namespaces, {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: 'default', labels: { env: 'prod' } },
    });
  });
  afterEach(() => api.close());

  const force = async (spec: object, bound: object = {}): Promise<void> => {
    await api.root.create(policies, policy(spec));
    await api.root.create(bindings, binding(bound));
  };
  const attempt = async (
    object: KubeObject,
    client: KubeClient = api.root,
  ): Promise<StatusError | undefined> => {
    try {
      await client.create(wellKnown.configMaps, object);
      return undefined;
    } catch (error) {
      if (error instanceof StatusError) return error;
      throw error;
    }
  };
  const denial = async (object: KubeObject): Promise<string> =>
    ((await attempt(object))?.message ?? 'allowed').replace(/^.* denied request: /, '');

  it('denies with the texts of the reference, from the very write of the binding on', async () => {
    await api.root.create(policies, policy({ validations: [{ expression: 'size(object.data) < 2' }] }));
    expect(await attempt(configMap('free', { a: '1', b: '2' }))).to.equal(undefined);
    await api.root.create(bindings, binding());
    expect(await attempt(configMap('small', { a: '1' }))).to.equal(undefined);
    const error = await attempt(configMap('big', { a: '1', b: '2' }));
    expect(error?.status).to.deep.include({
      code: 422,
      reason: 'Invalid',
      message:
        "configmaps \"big\" is forbidden: ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: size(object.data) < 2",
    });
    expect(error?.status.details).to.deep.equal({
      name: 'big',
      kind: 'configmaps',
      causes: [
        {
          message:
            "ValidatingAdmissionPolicy 'p' with binding 'b' denied request: failed expression: size(object.data) < 2",
        },
      ],
    });
    await api.root.delete(bindings, { name: 'b' });
    expect(await attempt(configMap('big', { a: '1', b: '2' }))).to.equal(undefined);
  });

  const messages: readonly [string, object, string][] = [
    ['the fixed message', { expression: 'false', message: ' not this way ' }, 'not this way'],
    [
      'the message of an expression before the fixed one',
      { expression: 'false', message: 'no', messageExpression: "'no ' + object.metadata.name" },
      'no a',
    ],
    [
      'the fixed message where the expression fails',
      { expression: 'false', message: 'no', messageExpression: 'object.spec.x' },
      'no',
    ],
    [
      'the fixed message where the expression gives several lines',
      { expression: 'false', message: 'no', messageExpression: "'a\\nb'" },
      'no',
    ],
    [
      'a failed evaluation',
      { expression: 'object.spec.x == 1', message: 'no' },
      "expression 'object.spec.x == 1' resulted in error: no such key: spec",
    ],
  ];
  for (const [what, validation, expected] of messages) {
    it(`shows ${what}`, async () => {
      await force({ validations: [validation] });
      expect(await denial(configMap('a'))).to.equal(expected);
    });
  }

  for (const [reason, code] of [
    ['Unauthorized', 401],
    ['Forbidden', 403],
    ['RequestEntityTooLarge', 413],
    ['Invalid', 422],
  ] as const) {
    it(`answers ${code} for the reason ${reason}`, async () => {
      await force({ validations: [{ expression: 'false', reason }] });
      expect((await attempt(configMap('a')))?.status).to.deep.include({ reason, code });
    });
  }

  it('computes variables when they are read, once, from those before', async () => {
    await force({
      variables: [
        { name: 'data', expression: 'object.data' },
        { name: 'n', expression: 'size(variables.data)' },
        { name: 'broken', expression: 'object.spec.x' },
      ],
      validations: [
        { expression: 'variables.n < 3', messageExpression: "'has ' + string(variables.n)" },
        { expression: 'variables.n < 2 || variables.broken == 1' },
      ],
    });
    expect(await denial(configMap('a', { a: '1' }))).to.equal('allowed');
    expect(await denial(configMap('b', { a: '1', b: '2', c: '3' }))).to.equal('has 3');
    expect(await denial(configMap('c', { a: '1', b: '2' }))).to.equal(
      'expression \'variables.n < 2 || variables.broken == 1\' resulted in error: composited variable "broken" fails to evaluate: no such key: spec',
    );
  });

  it('lets errors pass with failurePolicy Ignore, but not what is plainly false', async () => {
    await force({
      failurePolicy: 'Ignore',
      validations: [{ expression: 'object.spec.x == 1' }, { expression: "object.metadata.name != 'a'" }],
    });
    expect(await denial(configMap('b'))).to.equal('allowed');
    expect(await denial(configMap('a'))).to.equal("failed expression: object.metadata.name != 'a'");
  });

  it('asks only where the match conditions hold', async () => {
    await force({
      matchConditions: [
        { name: 'not-exempt', expression: "!('exempt' in object.metadata.labels)" },
        { name: 'not-admin', expression: "request.userInfo.username != 'admin'" },
      ],
      validations: [{ expression: 'false' }],
    });
    expect(await denial(configMap('a', {}, { a: 'b' }))).to.equal('failed expression: false');
    expect(await denial(configMap('b', {}, { exempt: '' }))).to.equal('allowed');
    const admin = api.as({ username: 'admin', groups: ['system:masters'] });
    expect(await attempt(configMap('c', {}, { a: 'b' }), admin)).to.equal(undefined);
    expect(await denial(configMap('d'))).to.match(/resulted in error: no such key: labels$/);
  });

  it('knows the request, the namespace and what the user may do', async () => {
    await force({
      validations: [
        { expression: "request.operation == 'CREATE' && request.resource.resource == 'configmaps'" },
        { expression: "namespaceObject.metadata.labels.env == 'prod' && oldObject == null" },
        {
          expression:
            "authorizer.group('').resource('configmaps').namespace('default').check('delete').allowed()",
        },
        { expression: "authorizer.requestResource.check('create').allowed()" },
      ],
    });
    expect(await denial(configMap('a'))).to.equal('allowed');
  });

  it('sees updates with both states, and deletes', async () => {
    await force({
      validations: [
        { expression: "request.operation != 'UPDATE' || object.data == oldObject.data", message: 'frozen' },
        { expression: "request.operation != 'DELETE' || (object == null && oldObject.data.x != '1')" },
      ],
    });
    expect(await denial(configMap('a', { x: '1' }))).to.equal('allowed');
    const refused = async (change: Promise<unknown>): Promise<string> =>
      change.then(
        () => 'allowed',
        (error: Error) => error.message,
      );
    expect(await refused(api.root.update(wellKnown.configMaps, configMap('a', { x: '2' })))).to.contain(
      'frozen',
    );
    expect(
      await refused(api.root.delete(wellKnown.configMaps, { namespace: 'default', name: 'a' })),
    ).to.contain('configmaps "a" is forbidden: ValidatingAdmissionPolicy \'p\'');
  });

  describe('with params', () => {
    const withParams = {
      paramKind: { apiVersion: 'v1', kind: 'ConfigMap' },
      matchConditions: [
        {
          name: 'no-param',
          expression: "!has(object.metadata.labels) || !('param' in object.metadata.labels)",
        },
      ],
      validations: [
        {
          expression: 'params == null || size(object.data) <= int(params.data.max)',
          messageExpression: "'at most ' + params.data.max",
        },
      ],
    };
    const two = { a: '1', b: '2' };
    const param = (name: string, max: string) => configMap(name, { max }, { param: 'yes' });

    it('takes the object of a name, in the namespace of the request', async () => {
      await attempt(param('limit', '1'));
      await force(withParams, { paramRef: { name: 'limit', parameterNotFoundAction: 'Deny' } });
      expect(await denial(configMap('a', two))).to.equal('at most 1');
      expect(await denial(configMap('b', { a: '1' }))).to.equal('allowed');
    });

    it('holds each that a selector finds against the request', async () => {
      await attempt(param('one', '5'));
      await attempt(param('two', '1'));
      const paramRef = { selector: { matchLabels: { param: 'yes' } }, parameterNotFoundAction: 'Deny' };
      await force(withParams, { paramRef });
      expect(await denial(configMap('a', two))).to.equal('at most 1');
    });

    it('does with missing params as it is told', async () => {
      const ref = (parameterNotFoundAction: string) => ({
        paramRef: { name: 'none', parameterNotFoundAction },
      });
      await force(withParams, ref('Allow'));
      expect(await denial(configMap('a', two))).to.equal('allowed');
      await api.root.create(bindings, binding(ref('Deny'), 'b2'));
      expect(await denial(configMap('b', two))).to.equal(
        'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
      );
    });

    it('cannot be used while the kind is not served', async () => {
      await force(
        { ...withParams, paramKind: { apiVersion: 'rules.example.com/v1', kind: 'Limit' } },
        { paramRef: { name: 'x', parameterNotFoundAction: 'Allow' } },
      );
      expect((await attempt(configMap('a')))?.message).to.contain(
        "ValidatingAdmissionPolicy 'p' denied request: failed to configure policy: failed to find resource referenced by paramKind: 'rules.example.com/v1, Kind=Limit'",
      );
    });
  });

  it('narrows by the resources of the binding', async () => {
    await force(
      { validations: [{ expression: 'false' }] },
      { matchResources: { objectSelector: { matchLabels: { guarded: 'yes' } } } },
    );
    expect(await denial(configMap('a'))).to.equal('allowed');
    expect(await denial(configMap('b', {}, { guarded: 'yes' }))).to.equal('failed expression: false');
  });

  it('never guards the objects of admission themselves', async () => {
    const all = { apiGroups: ['*'], apiVersions: ['*'], operations: ['*'], resources: ['*/*'] };
    await force({ matchConstraints: { resourceRules: [all] }, validations: [{ expression: 'false' }] });
    expect(await denial(configMap('a'))).to.equal('failed expression: false');
    await api.root.delete(policies, { name: 'p' });
    expect(await denial(configMap('a'))).to.equal('allowed');
  });

  it('ends an expression that costs too much', async () => {
    const list = `[${Array.from({ length: 10 }, (_, i) => i).join(',')}]`;
    const nested = ['a', 'b', 'c', 'd', 'e', 'f'].reduce(
      (inner, name) => `${list}.all(${name}, ${inner})`,
      'object.metadata.name != ""',
    );
    await force({ validations: [{ expression: nested }] });
    expect(await denial(configMap('a'))).to.match(
      /resulted in error: operation cancelled: actual cost limit exceeded$/,
    );
  });
});
