/** The audit log: one line for each stage of each request, and no secrets in it. */
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { freePort } from '../support/network.js';
import { eventually, run } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const policy = `
apiVersion: audit.k8s.io/v1
kind: Policy
omitStages: [RequestReceived]
rules:
- level: None
  users: [system:apiserver]
- level: None
  nonResourceURLs: ["/readyz*", "/healthz*"]
- level: Request
  verbs: [create, patch]
  resources: [{group: "", resources: [configmaps]}]
- level: RequestResponse
  resources: [{group: "", resources: [secrets, pods, serviceaccounts/token]}]
- level: Metadata
`;

describe('the audit log', () => {
  const directory = mkdtempSync(join(tmpdir(), 'flotilla-audit-'));
  const log = join(directory, 'audit.log');
  const policyFile = join(directory, 'policy.yaml');
  const server = new TestServer();
  before(async () => {
    writeFileSync(policyFile, policy);
    await server.start({ flags: ['--audit-log-path', log, '--audit-policy-file', policyFile] });
  });
  after(async () => {
    await server.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const events = (): unknown[] =>
    existsSync(log)
      ? readFileSync(log, 'utf8')
          .split('\n')
          .filter((line) => line !== '')
          .map((line) => JSON.parse(line))
      : [];
  const recorded = (what: string, fits: (event: unknown) => boolean): Promise<unknown> =>
    eventually(what, async () => events().find(fits));
  const complete = (event: unknown): boolean => at(event, 'stage') === 'ResponseComplete';

  it('has a line for each request, under the id that the client sent or was told', async () => {
    const told = await server.get('/api/v1/namespaces/default');
    const id = String(told.headers['audit-id']);
    expect(id).to.match(/^[0-9a-f-]{36}$/);
    const event = await recorded('the request', (one) => at(one, 'auditID') === id);
    expect(event).to.deep.include({
      kind: 'Event',
      apiVersion: 'audit.k8s.io/v1',
      level: 'Metadata',
      stage: 'ResponseComplete',
      requestURI: '/api/v1/namespaces/default',
      verb: 'get',
      sourceIPs: ['127.0.0.1'],
      responseStatus: { metadata: {}, code: 200 },
      objectRef: { resource: 'namespaces', namespace: 'default', name: 'default', apiVersion: 'v1' },
      annotations: { 'authorization.k8s.io/decision': 'allow', 'authorization.k8s.io/reason': '' },
    });
    expect(at(event, 'user.username')).to.equal('kubernetes-admin');
    const own = await server.get('/api/v1/nodes', { headers: { 'audit-id': 'my-own' } });
    expect(own.headers['audit-id']).to.equal('my-own');
    await recorded('the one with an id of its own', (one) => at(one, 'auditID') === 'my-own');
  });

  it('tells who acted as whom, and what was forbidden', async () => {
    await server.refused('get', 'pods', '--as=bob', '--as-group=devs');
    const event = await recorded(
      'the forbidden request',
      (one) => at(one, 'impersonatedUser.username') === 'bob' && at(one, 'objectRef.resource') === 'pods',
    );
    expect(at(event, 'user.username')).to.equal('kubernetes-admin');
    expect(at(event, 'impersonatedUser.groups')).to.deep.equal(['devs', 'system:authenticated']);
    expect(at(event, 'responseStatus')).to.deep.include({
      code: 403,
      reason: 'Forbidden',
      status: 'Failure',
    });
    expect(at(event, 'annotations.authorization\\.k8s\\.io/decision')).to.equal('forbid');
    expect(text(event, 'userAgent')).to.match(/^kubectl/);
    const refused = await server.get('/api/v1/pods', { as: { token: 'nonsense' } });
    expect(refused.status).to.equal(401);
    const id = refused.headers['audit-id'];
    const failed = await recorded('the refused one', (one) => at(one, 'auditID') === id);
    expect(at(failed, 'responseStatus.code')).to.equal(401);
    expect(at(failed, 'user')).to.deep.equal({});
  });

  it('shows content where the policy says so, and never that of secrets and tokens', async () => {
    const namespace = await server.namespace();
    await server.k('create', 'configmap', 'open', '-n', namespace, '--from-literal=word=plain-to-see');
    await server.k(
      'create',
      'secret',
      'generic',
      'closed',
      '-n',
      namespace,
      '--from-literal=word=not-to-see',
    );
    const token = (await server.k('create', 'token', 'default', '-n', namespace)).trim();
    await server.k('run', 'web', '-n', namespace, '--image=web:1');
    await server.k('get', 'secret', 'closed', '-n', namespace, '-o', 'yaml');
    const made = await recorded(
      'the ConfigMap',
      (one) => at(one, 'objectRef.name') === 'open' && complete(one),
    );
    expect(at(made, 'requestObject.data')).to.deep.equal({ word: 'plain-to-see' });
    expect(at(made, 'responseObject')).to.equal(undefined);
    const pod = await recorded(
      'the Pod',
      (one) => at(one, 'objectRef.name') === 'web' && at(one, 'verb') === 'create',
    );
    expect(at(pod, 'requestObject.kind')).to.equal('Pod');
    expect(at(pod, 'responseObject.spec.restartPolicy')).to.equal('Always');
    const secret = await recorded(
      'the Secret being read',
      (one) => at(one, 'objectRef.name') === 'closed' && at(one, 'verb') === 'get',
    );
    expect(at(secret, 'level')).to.equal('Metadata');
    await recorded('the token', (one) => at(one, 'objectRef.subresource') === 'token');
    const whole = readFileSync(log, 'utf8');
    expect(whole).not.to.contain('not-to-see');
    expect(whole).not.to.contain(Buffer.from('not-to-see').toString('base64'));
    expect(whole).not.to.contain(token);
    expect(whole).not.to.contain('system:apiserver"');
  });

  it('has both ends of a watch', async () => {
    const watch = await server.watch('/api/v1/nodes?watch=true&timeoutSeconds=1', {
      headers: { 'audit-id': 'the-watch' },
    });
    await recorded(
      'its start',
      (one) => at(one, 'auditID') === 'the-watch' && at(one, 'stage') === 'ResponseStarted',
    );
    await recorded('its end', (one) => at(one, 'auditID') === 'the-watch' && complete(one));
    watch.close();
  });

  it('holds the notes of admission policies', async () => {
    const namespace = await server.namespace();
    const objects = [
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicy',
        metadata: { name: 'noted' },
        spec: {
          matchConstraints: {
            resourceRules: [
              { apiGroups: [''], apiVersions: ['v1'], operations: ['CREATE'], resources: ['services'] },
            ],
          },
          validations: [
            { expression: "object.metadata.name.startsWith('svc-')", message: 'begin with svc-' },
          ],
          auditAnnotations: [{ key: 'type', valueExpression: "'a ' + object.spec.?type.orValue('?')" }],
        },
      },
      {
        apiVersion: 'admissionregistration.k8s.io/v1',
        kind: 'ValidatingAdmissionPolicyBinding',
        metadata: { name: 'noted-binding' },
        spec: { policyName: 'noted', validationActions: ['Audit'] },
      },
    ];
    expect((await server.feed(objects, 'apply')).code).to.equal(0);
    await server.k('create', 'service', 'clusterip', 'web', '-n', namespace, '--tcp=80');
    const event = await recorded(
      'the Service',
      (one) => at(one, 'objectRef.resource') === 'services' && at(one, 'objectRef.name') === 'web',
    );
    expect(at(event, 'annotations.noted/type')).to.equal('a ClusterIP');
    const failures: unknown = JSON.parse(
      text(event, 'annotations.validation\\.policy\\.admission\\.k8s\\.io/validation_failure'),
    );
    expect(failures).to.deep.equal([
      {
        message: 'begin with svc-',
        policy: 'noted',
        binding: 'noted-binding',
        expressionIndex: 0,
        validationActions: ['Audit'],
      },
    ]);
  });

  it('counts its events, and goes on after a restart', async () => {
    const metrics = await server.get('/metrics');
    expect(metrics.text).to.match(/^apiserver_audit_event_total [1-9]\d*$/m);
    expect(metrics.text).to.match(/^apiserver_audit_error_total\{plugin="log"\} 0$/m);
    const before = events().length;
    await server.restart('SIGTERM');
    await server.get('/api/v1/nodes', { headers: { 'audit-id': 'after' } });
    await recorded('one after the restart', (one) => at(one, 'auditID') === 'after');
    expect(events().length).to.be.greaterThan(before);
  });

  it('refuses to start with a policy that it does not understand', async () => {
    writeFileSync(policyFile, policy.replace('level: Request\n', 'level: Everything\n'));
    const listen = `127.0.0.1:${await freePort()}`;
    const { code, stderr } = await run(process.execPath, [
      new URL('../../../packages/apiserver/bin/apiserver.js', import.meta.url).pathname,
      ...['--data-dir', join(directory, 'data'), '--listen', listen, '--storage', 'memory'],
      ...['--audit-log-path', log, '--audit-policy-file', policyFile],
    ]);
    expect(code).to.equal(1);
    expect(stderr.trim().split('\n')).to.have.length(1);
    expect(stderr).to.contain(
      `--audit-policy-file ${policyFile}: rules[2].level: Unsupported value: "Everything"`,
    );
  });
});
