/** ValidatingAdmissionPolicies, as kubectl's users meet them. */
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { at, list } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const registration = '/apis/admissionregistration.k8s.io/v1';
const crds = new URL('../../../deploy/crds/', import.meta.url).pathname;

function policy(name: string, spec: object): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicy',
    metadata: { name },
    spec,
  };
}

function binding(name: string, spec: object): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingAdmissionPolicyBinding',
    metadata: { name: `${name}-binding` },
    spec: { policyName: name, validationActions: ['Deny'], ...spec },
  };
}

function within(namespace: string): object {
  return {
    matchResources: { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': namespace } } },
  };
}

const deployments = {
  apiGroups: ['apps'],
  apiVersions: ['v1'],
  operations: ['CREATE', 'UPDATE'],
  resources: ['deployments'],
};

describe('ValidatingAdmissionPolicies through kubectl', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  const apply = async (...objects: object[]): Promise<void> => {
    const { code, stderr } = await server.feed(objects, 'apply');
    if (code !== 0) throw new Error(stderr);
  };

  it('bound a Deployment to its replicas, in the namespaces of the binding', async () => {
    const [guarded, free] = [await server.namespace(), await server.namespace()];
    await apply(
      policy('replicas.example.com', {
        matchConstraints: { resourceRules: [deployments] },
        validations: [{ expression: 'object.spec.replicas <= 5' }],
      }),
      binding('replicas.example.com', within(guarded)),
    );
    const create = (namespace: string, replicas: number) => [
      'create',
      'deployment',
      `web-${replicas}`,
      '-n',
      namespace,
      '--image=web:1',
      `--replicas=${replicas}`,
    ];
    expect(await server.refused(...create(guarded, 6))).to.contain(
      "ValidatingAdmissionPolicy 'replicas.example.com' with binding 'replicas.example.com-binding' denied request: failed expression: object.spec.replicas <= 5",
    );
    await server.k(...create(guarded, 5));
    await server.k(...create(free, 6));
    expect(await server.k('get', 'validatingadmissionpolicy', 'replicas.example.com')).to.match(
      /NAME +VALIDATIONS +PARAMKIND +AGE\nreplicas\.example\.com +1 +<unset>/,
    );
    // A scale goes through another resource: a policy of deployments alone is not asked.
    await server.k('scale', 'deployment', 'web-5', '-n', guarded, '--replicas=6');
    const label = await server.refused('label', 'deployment', 'web-5', '-n', guarded, 'a=b');
    expect(label).to.equal(
      `The deployments "web-5" is invalid: : ValidatingAdmissionPolicy 'replicas.example.com' with binding 'replicas.example.com-binding' denied request: failed expression: object.spec.replicas <= 5\n`,
    );
  });

  it('take their bounds from a custom resource, another for each environment', async () => {
    await apply({
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'replicalimits.rules.example.com' },
      spec: {
        group: 'rules.example.com',
        names: {
          plural: 'replicalimits',
          singular: 'replicalimit',
          kind: 'ReplicaLimit',
          listKind: 'ReplicaLimitList',
        },
        scope: 'Namespaced',
        versions: [
          {
            name: 'v1',
            served: true,
            storage: true,
            schema: {
              openAPIV3Schema: { type: 'object', properties: { maxReplicas: { type: 'integer' } } },
            },
          },
        ],
      },
    });
    await server.k(
      'wait',
      '--for=condition=Established',
      'crd/replicalimits.rules.example.com',
      '--timeout=20s',
    );
    const limits = await server.namespace('limits');
    const limit = (name: string, maxReplicas: number) => ({
      apiVersion: 'rules.example.com/v1',
      kind: 'ReplicaLimit',
      metadata: { name, namespace: limits },
      maxReplicas,
    });
    const environment = (env: string) => ({
      paramRef: { name: `limit-${env}`, namespace: limits, parameterNotFoundAction: 'Deny' },
      matchResources: { namespaceSelector: { matchLabels: { environment: env } } },
    });
    const params = { apiVersion: 'rules.example.com/v1', kind: 'ReplicaLimit' };
    await apply(
      limit('limit-test', 3),
      limit('limit-prod', 100),
      policy('limits.example.com', {
        paramKind: params,
        matchConstraints: { resourceRules: [deployments] },
        validations: [
          {
            expression: 'object.spec.replicas <= params.maxReplicas',
            messageExpression: "'at most ' + string(params.maxReplicas) + ' replicas'",
            reason: 'Forbidden',
          },
        ],
      }),
      { ...binding('limits.example.com', environment('test')), metadata: { name: 'limits-test' } },
      { ...binding('limits.example.com', environment('prod')), metadata: { name: 'limits-prod' } },
    );
    const [test, prod] = [await server.namespace(), await server.namespace()];
    await server.k('label', 'namespace', test, 'environment=test');
    await server.k('label', 'namespace', prod, 'environment=prod');
    const create = (namespace: string) =>
      ['create', 'deployment', 'web', '-n', namespace, '--image=web:1', '--replicas=10'] as const;
    expect(await server.refused(...create(test))).to.equal(
      `error: failed to create deployment: deployments.apps "web" is forbidden: ValidatingAdmissionPolicy 'limits.example.com' with binding 'limits-test' denied request: at most 3 replicas\n`,
    );
    await server.k(...create(prod));
    await server.k('delete', 'replicalimit', 'limit-test', '-n', limits);
    expect(await server.refused(...create(test))).to.contain(
      'failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction',
    );
  });

  it('warn instead of refusing where the binding says so', async () => {
    const namespace = await server.namespace();
    await apply(
      policy('tags.example.com', {
        matchConstraints: {
          resourceRules: [{ ...deployments, apiGroups: [''], resources: ['pods'] }],
        },
        matchConditions: [
          { name: 'people-only', expression: "!request.userInfo.username.startsWith('system:')" },
        ],
        variables: [
          { name: 'containers', expression: 'object.spec.containers' },
          { name: 'untagged', expression: "variables.containers.filter(c, !c.image.contains(':'))" },
        ],
        validations: [
          {
            expression: 'size(variables.untagged) == 0',
            messageExpression: "'no tag: ' + variables.untagged.map(c, c.image).join(', ')",
          },
        ],
      }),
      binding('tags.example.com', { ...within(namespace), validationActions: ['Warn', 'Audit'] }),
    );
    const { code, stderr } = await server.kubectl('run', 'web', '-n', namespace, '--image=web');
    expect(code).to.equal(0);
    expect(stderr).to.equal(
      "Warning: Validation failed for ValidatingAdmissionPolicy 'tags.example.com' with binding 'tags.example.com-binding': no tag: web\n",
    );
    const tagged = await server.kubectl('run', 'web2', '-n', namespace, '--image=web:1');
    expect(tagged.stderr).to.equal('');
  });

  it('keep works of managed clusters in bounds', async () => {
    const works = readdirSync(crds).filter((name) => name.includes('manifestworks'));
    for (const file of works) await server.k('apply', '-f', `${crds}${file}`);
    const crd = 'crd/manifestworks.work.open-cluster-management.io';
    await server.k('wait', '--for=condition=Established', crd, '--timeout=20s');
    const namespace = await server.namespace('cluster');
    await apply(
      policy('works.example.com', {
        matchConstraints: {
          resourceRules: [
            {
              apiGroups: ['work.open-cluster-management.io'],
              apiVersions: ['v1'],
              operations: ['CREATE', 'UPDATE'],
              resources: ['manifestworks'],
            },
          ],
        },
        variables: [
          { name: 'manifests', expression: 'object.spec.?workload.?manifests.orValue([])' },
          {
            name: 'trusted',
            expression:
              "authorizer.group('rbac.authorization.k8s.io').resource('clusterrolebindings').check('create').allowed()",
          },
        ],
        validations: [
          {
            expression: "variables.trusted || !variables.manifests.exists(m, m.kind == 'ClusterRoleBinding')",
            message: 'only those who may bind cluster roles on the hub may do so on a managed cluster',
            reason: 'Forbidden',
          },
          {
            expression: "variables.manifests.all(m, m.kind != 'Secret')",
            messageExpression:
              "'no secrets in works: ' + variables.manifests.filter(m, m.kind == 'Secret').map(m, m.metadata.name).join(', ')",
          },
        ],
      }),
      binding('works.example.com', {}),
    );
    await server.k(
      'create',
      'clusterrole',
      'works',
      '--verb=*',
      '--resource=manifestworks.work.open-cluster-management.io',
    );
    await server.k('create', 'clusterrolebinding', 'works', '--clusterrole=works', '--user=ann');
    const work = (name: string, ...manifests: object[]) => ({
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name, namespace },
      spec: { workload: { manifests } },
    });
    const bindingManifest = {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'x' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cluster-admin' },
    };
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'key', namespace: 'default' } };
    const asAnn = await server.feed(work('bind', bindingManifest), 'create', '--as=ann');
    expect(asAnn.stderr).to.contain(
      "is forbidden: ValidatingAdmissionPolicy 'works.example.com' with binding 'works.example.com-binding' denied request: only those who may bind",
    );
    expect((await server.feed(work('bind', bindingManifest), 'create')).code).to.equal(0);
    const withSecret = await server.feed(work('secret', secret), 'create');
    expect(withSecret.stderr).to.equal(
      "The manifestworks \"secret\" is invalid: : ValidatingAdmissionPolicy 'works.example.com' with binding 'works.example.com-binding' denied request: no secrets in works: key\n",
    );
  });

  it('are refused when an expression does not compile, and say what they look for in vain', async () => {
    const broken = await server.feed(
      policy('broken.example.com', {
        matchConstraints: { resourceRules: [deployments] },
        validations: [{ expression: 'object.spec.replicas <=' }, { expression: 'objekt.spec == 1' }],
      }),
      'create',
    );
    expect(broken.stderr).to.contain('The ValidatingAdmissionPolicy "broken.example.com" is invalid:');
    expect(broken.stderr).to.contain(
      'spec.validations[0].expression: Invalid value: "object.spec.replicas <="',
    );
    expect(broken.stderr).to.contain("undeclared reference to 'objekt' (in container '')");
    await apply(
      policy('typo.example.com', {
        matchConstraints: { resourceRules: [deployments] },
        validations: [{ expression: 'object.spec.replica > 1' }],
      }),
    );
    const status = await eventually('the policy is checked', async () => {
      const stored = await server.read(`${registration}/validatingadmissionpolicies/typo.example.com`);
      return at(stored, 'status.observedGeneration') === 1 ? at(stored, 'status') : undefined;
    });
    expect(list(status, 'typeChecking.expressionWarnings')).to.deep.equal([
      {
        fieldRef: 'spec.validations[0].expression',
        warning:
          "apps/v1, Kind=Deployment: ERROR: <input>:1:12: undefined field 'replica'\n | object.spec.replica > 1\n | ...........^\n",
      },
    ]);
  });

  it('are in force again after a crash of the server', async () => {
    await server.restart('SIGKILL');
    const namespace = await server.namespace();
    await server.k('label', 'namespace', namespace, 'environment=prod');
    expect(
      await server.refused('create', 'deployment', 'web', '-n', namespace, '--image=web:1', '--replicas=101'),
    ).to.contain('at most 100 replicas');
  });
});
