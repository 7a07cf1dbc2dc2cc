/** Executor for real: the service account that a work names applies and deletes, and the managed cluster's RBAC decides. */
import { expect } from 'chai';
import { AuditLog } from '../support/audit-log.js';
import { configMap, Fleet } from '../support/fleet.js';
import { ManagedWorks, namespace } from '../support/managed.js';
import { eventually } from '../support/processes.js';

const group = 'rbac.authorization.k8s.io';
const account = 'system:serviceaccount:team:deployer';
const subject = { type: 'ServiceAccount', serviceAccount: { namespace: 'team', name: 'deployer' } };
const more = { executor: { subject } };

const role = (name: string, rules: readonly object[]): object => ({
  apiVersion: `${group}/v1`,
  kind: 'Role',
  metadata: { name, namespace: 'team' },
  rules,
});
const rule = (resources: string[], verbs: string[], apiGroups = ['']): object => ({
  apiGroups,
  resources,
  verbs,
});
const write = ['get', 'create', 'update', 'patch'];

describe('a work with an executor', function () {
  this.timeout(180_000);
  const fleet = new Fleet();
  let works: ManagedWorks;
  let log: AuditLog;

  const allow = (...rules: object[]) =>
    fleet.runOn(works.cluster, { input: JSON.stringify(role('deployer', rules)) }, 'apply', '-f', '-');

  before(async () => {
    await fleet.startHub();
    log = new AuditLog(fleet.directory, 'edge');
    works = new ManagedWorks(fleet, await fleet.startCluster('edge', { flags: log.flags }));
    await fleet.join(works.cluster);
    const binding = {
      apiVersion: `${group}/v1`,
      kind: 'RoleBinding',
      metadata: { name: 'deployer', namespace: 'team' },
      roleRef: { apiGroup: group, kind: 'Role', name: 'deployer' },
      subjects: [{ kind: 'ServiceAccount', name: 'deployer', namespace: 'team' }],
    };
    const serviceAccount = {
      apiVersion: 'v1',
      kind: 'ServiceAccount',
      metadata: { name: 'deployer', namespace: 'team' },
    };
    const items = [namespace('team'), serviceAccount, binding];
    const input = JSON.stringify({ apiVersion: 'v1', kind: 'List', items });
    await fleet.runOn(works.cluster, { input }, 'apply', '-f', '-');
  });
  after(() => fleet.close());

  /** As whom a thing was done to the object. */
  const actors = (verbs: readonly string[], resource: string, name: string): readonly string[] =>
    log
      .read()
      .filter(({ verb, objectRef, responseStatus }) => {
        const isIt = objectRef?.resource === resource && objectRef.name === name && !objectRef.subresource;
        return verbs.includes(verb) && isIt && (responseStatus?.code ?? 500) < 300;
      })
      .map(({ user, impersonatedUser }) => impersonatedUser?.username ?? user.username);

  it('is refused what the account may not do, and says so', async () => {
    await works.apply('limited', [configMap('limited', { a: '1' }, 'team')], more);
    await works.until('limited', 'limited', {
      type: 'Applied',
      status: 'False',
      says: /not allowed to apply the resource/,
    });
    expect(await works.why('limited')).to.contain("let the work's executor get, create, update, patch it");
    expect(await works.has('configmap', 'limited', '-n', 'team')).to.equal(false);
  });

  it('is applied and deleted as the account', async () => {
    await allow(rule(['configmaps'], [...write, 'delete']));
    await works.send('limited', [configMap('limited', { a: '2' }, 'team')], more);
    expect(actors(['create', 'patch', 'update'], 'configmaps', 'limited')).to.include(account);
    await works.delete('limited');
    await works.untilDeleted('limited');
    await works.untilGone('configmap', 'limited', '-n', 'team');
    expect(actors(['delete'], 'configmaps', 'limited')).to.deep.equal([account]);
  });

  it('may reach no other namespace', async () => {
    await works.apply('elsewhere', [configMap('elsewhere', { a: '1' })], more);
    await works.until('elsewhere', 'elsewhere', { type: 'Applied', status: 'False', says: /not allowed/ });
    expect(await works.has('configmap', 'elsewhere')).to.equal(false);
    await works.delete('elsewhere');
    await works.untilDeleted('elsewhere');
  });

  it('keeps what the account may not delete any more, and says why on the hub', async () => {
    await allow(rule(['configmaps'], [...write, 'delete']));
    await works.send('kept', [configMap('kept', { a: '1' }, 'team')], more);
    await allow(rule(['configmaps'], write));
    await works.delete('kept');
    const refused = await eventually('the work says that it may not', async () => {
      const conditions = (await works.read('kept')).status?.conditions ?? [];
      const found = conditions.find(({ type }) => type === 'Deleting');
      return found?.message.includes('cannot delete resource') && found;
    });
    expect(refused.message).to.contain(account);
    expect(await works.why('kept')).to.contain('give that user the permission in the managed cluster');
    expect(await works.has('configmap', 'kept', '-n', 'team')).to.equal(true);
    await allow(rule(['configmaps'], [...write, 'delete']));
    await works.untilDeleted('kept');
    await works.untilGone('configmap', 'kept', '-n', 'team');
  });

  it('cannot grant more than the account holds', async () => {
    const roles = rule(['roles', 'rolebindings'], [...write, 'delete'], [group]);
    await allow(rule(['configmaps'], [...write, 'delete']), roles);
    await works.apply('escalating', [role('more', [rule(['secrets'], ['get'])])], more);
    await works.until('escalating', 'more', {
      type: 'Applied',
      status: 'False',
      says: /permission escalation/,
    });
    expect(await works.has('role', 'more', '-n', 'team')).to.equal(false);
    // What it holds itself it may hand on.
    await works.send('granting', [role('same', [rule(['configmaps'], ['get'])])], more);
    expect(actors(['create', 'patch'], 'roles', 'same')).to.include(account);
  });
});
