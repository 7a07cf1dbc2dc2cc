/** Deleting: finalizers, preconditions, propagation to dependents, collections, namespaces. */
import { expect } from 'chai';
import { at, each, list, text } from '../support/json.js';
import { configMap, configMaps, crdPath, widget, widgetCrd, widgetPath } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

const hold = 'test.flotilla.dev/hold';

describe('deleting', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await server.create(crdPath, widgetCrd('widgets'));
    await server.create(crdPath, widgetCrd('globes', { spec: { scope: 'Cluster' } }));
  });
  after(() => server.stop());

  const remove = (path: string, body?: object) =>
    server.send('DELETE', path, body === undefined ? {} : { body });
  const isGone = async (path: string) => (await server.get(path)).status === 404;

  it('answers a Status with the uid, or the object while a finalizer holds it', async () => {
    const namespace = await server.namespace();
    const made = await server.create(configMaps(namespace), configMap('a'));
    const plain = await remove(configMaps(namespace, 'a'));
    expect(plain.status).to.equal(200);
    expect(plain.body).to.deep.equal({
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Success',
      details: { name: 'a', kind: 'configmaps', uid: text(made, 'metadata.uid') },
    });
    await server.create(configMaps(namespace), configMap('b', {}, { finalizers: [hold] }));
    const held = await remove(configMaps(namespace, 'b'));
    expect(held.status).to.equal(200);
    expect(at(held.body, 'kind')).to.equal('ConfigMap');
    expect(at(held.body, 'metadata.deletionTimestamp')).to.be.a('string');
    expect(at(held.body, 'metadata.deletionGracePeriodSeconds')).to.equal(0);
    const again = await remove(configMaps(namespace, 'b'));
    expect(at(again.body, 'metadata.resourceVersion')).to.equal(at(held.body, 'metadata.resourceVersion'));
    const released = await server.patch(configMaps(namespace, 'b'), 'merge', {
      metadata: { finalizers: null },
    });
    expect(released.status).to.equal(200);
    expect(await isGone(configMaps(namespace, 'b'))).to.equal(true);
    expect((await remove(configMaps(namespace, 'b'))).body).to.deep.include({
      code: 404,
      message: 'configmaps "b" not found',
    });
  });

  it('honours preconditions, and refuses options that contradict each other', async () => {
    const namespace = await server.namespace();
    const made = await server.create(configMaps(namespace), configMap('a'));
    const path = configMaps(namespace, 'a');
    expect((await remove(path, { preconditions: { uid: 'other' } })).status).to.equal(409);
    expect((await remove(path, { preconditions: { resourceVersion: '1' } })).status).to.equal(409);
    expect((await remove(path, { propagationPolicy: 'Sideways' })).status).to.equal(422);
    expect((await remove(path, { propagationPolicy: 'Orphan', orphanDependents: true })).status).to.equal(
      422,
    );
    const preconditions = {
      uid: text(made, 'metadata.uid'),
      resourceVersion: text(made, 'metadata.resourceVersion'),
    };
    const options = { kind: 'DeleteOptions', apiVersion: 'v1', preconditions };
    expect((await remove(path, options)).status).to.equal(200);
  });

  it('takes dependents of three generations along in the background, in the foreground, or not', async () => {
    for (const policy of ['Background', 'Foreground', 'Orphan'] as const) {
      const namespace = await server.namespace('gc');
      let owner = await server.create(configMaps(namespace), configMap('one'));
      for (const name of ['two', 'three']) {
        owner = await server.create(
          configMaps(namespace),
          configMap(name, {}, { ownerReferences: [ownerOf(owner)] }),
        );
      }
      const answer = await remove(configMaps(namespace, 'one'), { propagationPolicy: policy });
      expect(answer.status, answer.text).to.equal(200);
      await eventually(`the owner goes (${policy})`, () => isGone(configMaps(namespace, 'one')));
      if (policy === 'Orphan') {
        const two = await server.read(configMaps(namespace, 'two'));
        expect(at(two, 'metadata.ownerReferences')).to.equal(undefined);
        expect(each(await server.read(configMaps(namespace)), 'metadata.name')).to.include.members([
          'two',
          'three',
        ]);
      } else {
        for (const name of ['two', 'three']) {
          await eventually(`${name} goes (${policy})`, () => isGone(configMaps(namespace, name)));
        }
      }
    }
  });

  it('keeps an owner that is deleted in the foreground until its dependents are gone', async () => {
    const namespace = await server.namespace();
    const owner = await server.create(configMaps(namespace), configMap('owner'));
    await server.create(
      configMaps(namespace),
      configMap('child', {}, { ownerReferences: [ownerOf(owner)], finalizers: [hold] }),
    );
    await remove(configMaps(namespace, 'owner'), { propagationPolicy: 'Foreground' });
    await eventually(
      'the child is deleted',
      async () =>
        at(await server.read(configMaps(namespace, 'child')), 'metadata.deletionTimestamp') !== undefined,
    );
    expect(at(await server.read(configMaps(namespace, 'owner')), 'metadata.finalizers')).to.deep.equal([
      'foregroundDeletion',
    ]);
    await server.patch(configMaps(namespace, 'child'), 'merge', { metadata: { finalizers: null } });
    await eventually('the owner goes', () => isGone(configMaps(namespace, 'owner')));
  });

  it('makes kubectl wait for finalizers, and removes a pod at once by force', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), configMap('a', {}, { finalizers: [hold] }));
    const path = configMaps(namespace, 'a');
    let isDone = false;
    const deleting = server.k('delete', 'configmap', 'a', '-n', namespace, '--wait').then((output) => {
      isDone = true;
      return output;
    });
    await eventually(
      'it is terminating',
      async () => at(await server.read(path), 'metadata.deletionTimestamp') !== undefined,
    );
    expect(isDone).to.equal(false);
    await server.patch(path, 'merge', { metadata: { finalizers: null } });
    expect(await deleting).to.equal('configmap "a" deleted\n');
    const pod = {
      apiVersion: 'v1',
      kind: 'Pod',
      metadata: { name: 'p' },
      spec: { nodeName: 'n', containers: [{ name: 'c', image: 'i' }] },
    };
    await server.create(`/api/v1/namespaces/${namespace}/pods`, pod);
    expect(await server.k('delete', 'pod', 'p', '-n', namespace, '--grace-period=0', '--force')).to.contain(
      'force deleted',
    );
    expect(await isGone(`/api/v1/namespaces/${namespace}/pods/p`)).to.equal(true);
  });

  it('deletes a collection by selector, and nothing else', async () => {
    const namespace = await server.namespace();
    for (const name of ['a', 'b', 'c']) {
      await server.create(
        configMaps(namespace),
        configMap(name, {}, { labels: { go: String(name !== 'c') } }),
      );
    }
    const [answer] = await Promise.all([
      remove(`${configMaps(namespace)}?labelSelector=go%3Dtrue`),
      remove(`${configMaps(namespace)}?labelSelector=go%3Dtrue`),
      remove(configMaps(namespace, 'a')),
    ]);
    expect(answer.status, answer.text).to.equal(200);
    expect(text(answer.body, 'kind')).to.match(/List$/);
    const left = each(await server.read(configMaps(namespace)), 'metadata.name');
    expect(left.filter((name) => name !== 'kube-root-ca.crt')).to.deep.equal(['c']);
  });

  it('accepts no new finalizer on what is terminating', async () => {
    const namespace = await server.namespace();
    await server.create(configMaps(namespace), configMap('a', {}, { finalizers: [hold] }));
    await remove(configMaps(namespace, 'a'));
    const answer = await server.patch(configMaps(namespace, 'a'), 'merge', {
      metadata: { finalizers: [hold, 'x.dev/new'] },
    });
    expect(answer.status).to.equal(422);
    expect(text(answer.body, 'message')).to.contain(
      'no new finalizers can be added if the object is being deleted',
    );
    await server.patch(configMaps(namespace, 'a'), 'merge', { metadata: { finalizers: null } });
  });

  it('empties a namespace of 500 objects, telling what still holds it', async () => {
    const namespace = await server.namespace('full');
    const path = `/api/v1/namespaces/${namespace}`;
    await server.create(configMaps(namespace), configMap('held', {}, { finalizers: [hold] }));
    const secrets = `${path}/secrets`;
    for (let batch = 0; batch < 5; batch++) {
      await Promise.all(
        Array.from({ length: 50 }, async (_, index) => {
          const name = `o-${batch}-${index}`;
          await server.create(configMaps(namespace), configMap(name));
          await server.create(secrets, { apiVersion: 'v1', kind: 'Secret', metadata: { name } });
        }),
      );
    }
    await server.create(widgetPath(namespace, 'widgets'), widget('Widget', 'w'));
    const answer = await remove(path);
    expect(at(answer.body, 'status.phase')).to.equal('Terminating');
    await eventually('it tells what is left', async () => {
      const conditions = list(await server.read(path), 'status.conditions');
      const remaining = conditions.find((one) => at(one, 'type') === 'NamespaceFinalizersRemaining');
      return at(remaining, 'status') === 'True' && text(remaining, 'message').includes(hold);
    });
    await eventually(
      'only that is left',
      async () => each(await server.read(configMaps(namespace)), 'metadata.name').join() === 'held',
    );
    expect(list(await server.read(secrets))).to.have.length(0);
    await server.patch(configMaps(namespace, 'held'), 'merge', { metadata: { finalizers: null } });
    await eventually('the namespace goes', () => isGone(path));
  });

  it('protects the namespaces of the system', async () => {
    for (const name of ['default', 'kube-system', 'kube-public']) {
      const answer = await remove(`/api/v1/namespaces/${name}`);
      expect(answer.body, name).to.deep.include({
        code: 403,
        message: `namespaces "${name}" is forbidden: this namespace may not be deleted`,
      });
    }
  });

  it('follows cluster-scoped owners, and ignores those of another namespace', async () => {
    const namespace = await server.namespace();
    const other = await server.namespace();
    const globes = '/apis/demo.flotilla.dev/v1/globes';
    const globe = await server.create(globes, widget('Globe', 'g'));
    await server.create(configMaps(namespace), configMap('child', {}, { ownerReferences: [ownerOf(globe)] }));
    const stranger = await server.create(configMaps(other), configMap('stranger'));
    await server.create(
      configMaps(namespace),
      configMap('lost', {}, { ownerReferences: [ownerOf(stranger)] }),
    );
    await eventually('a reference across namespaces counts as an absent owner', () =>
      isGone(configMaps(namespace, 'lost')),
    );
    expect((await server.get(configMaps(namespace, 'child'))).status).to.equal(200);
    await remove(`${globes}/g`);
    await eventually('the child goes', () => isGone(configMaps(namespace, 'child')));
    expect((await server.get(configMaps(other, 'stranger'))).status).to.equal(200);
  });
});

function ownerOf(object: unknown): object {
  return {
    apiVersion: text(object, 'apiVersion'),
    kind: text(object, 'kind'),
    name: text(object, 'metadata.name'),
    uid: text(object, 'metadata.uid'),
    blockOwnerDeletion: true,
  };
}
