/** Waiting, deleting, scaling and access with kubectl, for somebody who manages clusters and works. */
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';
import {
  installCrds,
  lastTransitionTime,
  manifestWork,
  setApplied,
  withWork,
  workPath,
  works,
} from '../support/works.js';

describe('kubectl, waiting for works and for access', () => {
  const server = new TestServer();
  before(async () => {
    await server.start();
    await installCrds(server);
  });
  after(() => server.stop());

  describe('waiting and deleting', () => {
    it('waits for a condition, for a field and for creation', async () => {
      const namespace = await withWork(server);
      const target = ['manifestwork/w', '-n', namespace, '--timeout=20s'];
      const waiting = server.k('wait', '--for=condition=Applied', ...target);
      await setApplied(server, namespace, 'False');
      await setApplied(server, namespace, 'True');
      expect(await waiting).to.equal('manifestwork.work.open-cluster-management.io/w condition met\n');
      expect(await server.k('wait', '--for=jsonpath={.metadata.generation}=1', ...target)).to.contain(
        'condition met',
      );
      const created = server.k('wait', '--for=create', 'manifestwork/late', '-n', namespace, '--timeout=20s');
      await server.create(`${works}/${namespace}/manifestworks`, manifestWork('late'));
      expect(await created).to.contain('condition met');
      expect(
        await server.refused(
          'wait',
          '--for=condition=Never',
          'manifestwork/w',
          '-n',
          namespace,
          '--timeout=1s',
        ),
      ).to.contain('timed out waiting for the condition');
    });

    it('waits for the deletion, which ends only when the last finalizer is gone', async () => {
      const namespace = await server.namespace('cluster');
      const work = manifestWork('w', { finalizers: ['test.flotilla.dev/hold'] });
      await server.create(`${works}/${namespace}/manifestworks`, work);
      const waiting = server.k('wait', '--for=delete', 'manifestwork/w', '-n', namespace, '--timeout=20s');
      let isDeleted = false;
      const deleting = server.k('delete', 'manifestwork', 'w', '-n', namespace).then((output) => {
        isDeleted = true;
        return output;
      });
      await eventually(
        'it is terminating',
        async () => at(await server.read(workPath(namespace)), 'metadata.deletionTimestamp') !== undefined,
      );
      expect(isDeleted).to.equal(false);
      await server.patch(workPath(namespace), 'merge', { metadata: { finalizers: null } });
      expect(await deleting).to.equal('manifestwork.work.open-cluster-management.io "w" deleted\n');
      expect(await waiting).to.match(/condition met|^$/); // nothing, when it began to look too late
    });

    it('deletes by label, all of them, and says what is not there', async () => {
      const namespace = await server.namespace('cluster');
      for (const name of ['a', 'b', 'c']) {
        const labels = { first: String(name === 'a') };
        await server.create(`${works}/${namespace}/manifestworks`, manifestWork(name, { labels }));
      }
      expect(await server.k('delete', 'manifestworks', '-n', namespace, '-l', 'first=true')).to.match(
        /^\S+ "a" deleted/,
      );
      expect(
        (await server.k('delete', 'manifestworks', '-n', namespace, '--all')).split('\n'),
      ).to.have.length(3);
      expect(await server.refused('delete', 'manifestwork', 'a', '-n', namespace)).to.equal(
        'Error from server (NotFound): manifestworks.work.open-cluster-management.io "a" not found\n',
      );
      expect(await server.k('delete', 'manifestwork', 'a', '-n', namespace, '--ignore-not-found')).to.equal(
        '',
      );
      expect((await server.kubectl('get', 'manifestworks', '-n', namespace)).stderr).to.equal(
        `No resources found in ${namespace} namespace.\n`,
      );
    });

    it('deletes the namespace of a cluster with all works in it', async () => {
      const namespace = await withWork(server);
      await server.k('delete', 'namespace', namespace, '--timeout=20s');
      expect((await server.get(workPath(namespace))).status).to.equal(404);
    });

    it('dry-runs a creation and a deletion on the server', async () => {
      const namespace = await withWork(server);
      const dry = await server.feed(
        manifestWork('dry', { namespace }),
        'create',
        '--dry-run=server',
        '-o',
        'yaml',
      );
      expect(dry.stdout, dry.stderr).to.contain('uid:');
      expect((await server.get(workPath(namespace, 'dry'))).status).to.equal(404);
      expect(await server.k('delete', 'manifestwork', 'w', '-n', namespace, '--dry-run=server')).to.contain(
        'server dry run',
      );
      expect((await server.get(workPath(namespace))).status).to.equal(200);
    });
  });

  describe('workloads and access', () => {
    it('scales a deployment, sets its image, and follows the rollout', async () => {
      const namespace = await server.namespace();
      const on = ['-n', namespace];
      await server.k('create', 'deployment', 'web', '--image=nginx:1', '--replicas=2', ...on);
      expect(await server.k('scale', 'deployment/web', '--replicas=3', ...on)).to.contain('scaled');
      expect(
        await server.k('scale', 'deployment/web', '--replicas=1', '--current-replicas=3', ...on),
      ).to.contain('scaled');
      expect(await server.k('set', 'image', 'deployment/web', 'nginx=nginx:2', ...on)).to.contain(
        'image updated',
      );
      const path = `/apis/apps/v1/namespaces/${namespace}/deployments/web`;
      const deployment = await server.read(path);
      expect(at(deployment, 'spec.replicas')).to.equal(1);
      expect(at(deployment, 'spec.template.spec.containers.0.image')).to.equal('nginx:2');
      const following = server.k('rollout', 'status', 'deployment/web', '--timeout=20s', ...on);
      expect(await following).to.contain('successfully rolled out');
      expect(await server.k('rollout', 'restart', 'deployment/web', ...on)).to.contain('restarted');
      expect(await server.k('describe', 'deployment', 'web', ...on)).to.match(/Image: +nginx:2/);
    });

    it('answers who may do what', async () => {
      expect(await server.k('auth', 'can-i', 'create', 'manifestworks')).to.equal('yes\n');
      expect(
        (await server.kubectl('auth', 'can-i', 'create', 'manifestworks', '--as=nobody')).stdout,
      ).to.equal('no\n');
      expect(await server.k('auth', 'can-i', '--list')).to.match(/\*\.\*/);
      expect(await server.k('auth', 'whoami')).to.match(/system:masters/);
    });

    it('creates a token that logs in, and no more than its bindings allow', async () => {
      const namespace = await server.namespace();
      await server.k('create', 'serviceaccount', 'agent', '-n', namespace);
      const token = (await server.k('create', 'token', 'agent', '-n', namespace, '--duration=10m')).trim();
      const who = await server.k('auth', 'whoami', '-o', 'json');
      expect(who).to.contain('kubernetes-admin');
      const path = `/api/v1/namespaces/${namespace}/configmaps`;
      expect((await server.get(path, { as: { token } })).status).to.equal(403);
      await server.k('create', 'role', 'reader', '--verb=get,list', '--resource=configmaps', '-n', namespace);
      await server.k(
        'create',
        'rolebinding',
        'reader',
        '--role=reader',
        `--serviceaccount=${namespace}:agent`,
        '-n',
        namespace,
      );
      await eventually(
        'the binding counts',
        async () => (await server.get(path, { as: { token } })).status === 200,
      );
    });

    it('prints events of a work in describe', async () => {
      const namespace = await withWork(server);
      const { uid } = at(await server.read(workPath(namespace)), 'metadata') as { uid: string };
      await server.create(`/api/v1/namespaces/${namespace}/events`, {
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: 'w.1' },
        involvedObject: {
          apiVersion: 'work.open-cluster-management.io/v1',
          kind: 'ManifestWork',
          name: 'w',
          namespace,
          uid,
        },
        reason: 'Tested',
        message: 'seen in describe',
        type: 'Normal',
        source: { component: 'test' },
        firstTimestamp: lastTransitionTime,
        lastTimestamp: lastTransitionTime,
        count: 1,
      });
      expect(await server.k('describe', 'manifestwork', 'w', '-n', namespace)).to.match(
        /Normal +Tested .* test +seen in describe/,
      );
      expect(
        text(await server.read(`/apis/events.k8s.io/v1/namespaces/${namespace}/events/w.1`), 'note'),
      ).to.equal('seen in describe');
      expect(await server.k('events', '-n', namespace)).to.contain('seen in describe');
    });
  });
});
