/** One bad manifest harms only itself; and the order of what is made and of what goes, as the managed cluster saw it. */
import { expect } from 'chai';
import { AuditLog } from '../support/audit-log.js';
import { configMap, Fleet } from '../support/fleet.js';
import { gadget, gadgets, ManagedWorks, namespace } from '../support/managed.js';
import { freePort } from '../support/network.js';
import { eventually } from '../support/processes.js';
import { WebhookServer } from '../support/webhook-server.js';

interface Guard {
  readonly name: string;
  readonly clientConfig: object;
  readonly group: string;
  readonly resource: string;
}

function webhook({ name, clientConfig, group, resource }: Guard): object {
  return {
    apiVersion: 'admissionregistration.k8s.io/v1',
    kind: 'ValidatingWebhookConfiguration',
    metadata: { name },
    webhooks: [
      {
        name: `${name}.example.io`,
        clientConfig,
        rules: [{ apiGroups: [group], apiVersions: ['*'], operations: ['CREATE'], resources: [resource] }],
        objectSelector: { matchLabels: { guarded: 'yes' } },
        failurePolicy: 'Fail',
        sideEffects: 'None',
        admissionReviewVersions: ['v1'],
        timeoutSeconds: 2,
      },
    ],
  };
}

const guarded = (object: object): object => {
  const { metadata } = object as { metadata: object };
  return { ...object, metadata: { ...metadata, labels: { guarded: 'yes' } } };
};

const job = (image: string): object => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: { name: 'fixed', namespace: 'default' },
  spec: { template: { spec: { restartPolicy: 'Never', containers: [{ name: 'c', image }] } } },
});

describe('works in the order that they need', function () {
  this.timeout(120_000);
  const fleet = new Fleet();
  const hooks = new WebhookServer();
  let works: ManagedWorks;
  let log: AuditLog;

  before(async () => {
    await hooks.start();
    hooks.on('/allow', () => ({ allowed: true }));
    await fleet.startHub();
    log = new AuditLog(fleet.directory, 'edge');
    const cluster = await fleet.startCluster('edge', { flags: log.flags });
    works = new ManagedWorks(fleet, cluster);
    await fleet.join(cluster);
  });
  after(async () => {
    await fleet.close();
    await hooks.stop();
  });

  /** The writes from now on, less what is not asked for. */
  const record = (): (() => readonly string[]) => {
    const from = log.read().length;
    return () => log.writes(from).filter((each) => !each.includes('appliedmanifestworks'));
  };
  /** Expects these in this order, whatever is between them. */
  const expectOrder = (all: readonly string[], ...wanted: string[]): void => {
    const places = wanted.map((each) => all.findIndex((write) => write.startsWith(each)));
    expect(places, `${wanted.join(', ')} in ${all.join(', ')}`).not.to.include(-1);
    expect(places, `${wanted.join(', ')} in ${all.join(', ')}`).to.deep.equal(
      [...places].sort((a, b) => a - b),
    );
  };

  describe('with bad manifests among them', () => {
    const bad = (): object[] => [
      {
        apiVersion: 'nowhere.example.io/v1',
        kind: 'Nothing',
        metadata: { name: 'unmappable', namespace: 'default' },
      },
      guarded(configMap('refused', { a: '1' })),
    ];
    before(async () => {
      const port = await freePort(); // nobody answers there
      const clientConfig = { url: `https://127.0.0.1:${port}/`, caBundle: hooks.caBundle };
      const config = webhook({ name: 'broken', clientConfig, group: '', resource: 'configmaps' });
      await works.send('hook', [config]);
      await works.send('immutable', [job('registry.example/one')]);
      await works.apply('mixed', [
        ...bad(),
        job('registry.example/two'),
        configMap('old', { a: '1' }),
        configMap('good', { a: '1' }),
      ]);
      await eventually('the neighbours are there', () => works.has('configmap', 'good'));
    });

    it('applies the neighbours, and says at each bad one what the API server said', async () => {
      const failed = (object: string, says: RegExp) =>
        works.until('mixed', object, { type: 'Applied', status: 'False', says });
      await failed('unmappable', /Nothing/);
      await failed('refused', /failed calling webhook "broken\.example\.io"/);
      await works.until('mixed', 'good', { type: 'Applied', status: 'True' });
      await works.until('mixed', 'old', { type: 'Applied', status: 'True' });
      expect(await works.has('configmap', 'old')).to.equal(true);
    });

    it('says that a field is immutable, and which', async () => {
      await works.apply('immutable', [job('registry.example/two'), configMap('beside', { a: '1' })]);
      await works.until('immutable', 'fixed', {
        type: 'Applied',
        status: 'False',
        says: /spec\.template.*field is immutable/s,
      });
      await works.until('immutable', 'beside', { type: 'Applied', status: 'True' });
    });

    it('prunes and corrects all the same', async () => {
      await works.apply('mixed', [...bad(), configMap('good', { a: '2' })]);
      await works.untilGone('configmap', 'old');
      await eventually(
        'the neighbour is changed',
        async () => (await works.get('configmap', 'good')).data?.['a'] === '2',
      );
      await works.k('delete', 'configmap', 'good');
      await eventually('it is made anew', () => works.has('configmap', 'good'));
    });

    it('lets other works be', async () => {
      await works.send('other', [configMap('other', { a: '1' })]);
      await works.delete('mixed');
      await works.untilDeleted('mixed');
      await works.untilGone('configmap', 'good');
      expect(await works.has('configmap', 'other')).to.equal(true);
      for (const name of ['hook', 'immutable', 'other']) {
        await works.delete(name);
        await works.untilDeleted(name);
      }
    });
  });

  describe('with definitions, namespaces and webhooks', () => {
    const all = (): object[] => [
      guarded(gadget('g', { size: 1 }, 'team')),
      configMap('inside', { a: '1' }, 'team'),
      webhook({
        name: 'guard',
        clientConfig: hooks.config('/allow'),
        group: 'example.io',
        resource: 'gadgets',
      }),
      gadgets,
      namespace('team'),
    ];

    it('makes definition and namespace before what needs them, and the webhook before what it guards', async () => {
      const writes = record();
      await works.send('whole', all());
      const made = writes();
      expectOrder(made, 'create namespaces/', 'create configmaps/');
      expectOrder(made, 'create customresourcedefinitions/', 'create gadgets/');
      expectOrder(made, 'create validatingwebhookconfigurations/', 'create gadgets/');
      expect(hooks.askedOf('/allow')).to.have.length(1);
    });

    it('waits for a webhook that is not ready yet', async () => {
      const late = new WebhookServer();
      await late.start();
      const clientConfig = late.config('/late');
      await works.apply('late', [
        guarded(gadget('later', {}, 'team')),
        webhook({ name: 'late', clientConfig, group: 'example.io', resource: 'gadgets' }),
        gadget('free', {}, 'team'),
      ]);
      const says = /failed calling webhook "late\.example\.io"/;
      await works.until('late', 'later', { type: 'Applied', status: 'False', says });
      await works.until('late', 'free', { type: 'Applied', status: 'True' });
      expect(await works.has('gadget', 'later', '-n', 'team')).to.equal(false);
      late.on('/late', () => ({ allowed: true }));
      await fleet.workApplied(works.cluster, 'late');
      await works.delete('late');
      await works.untilDeleted('late');
      await late.stop();
    });

    it('deletes in the reverse order, and says in one message what holds the rest', async () => {
      const finalizers = ['example.io/hold'];
      await works.merge(['gadget', 'g', '-n', 'team'], { metadata: { finalizers } });
      const writes = record();
      await works.delete('whole');
      const held = /gadgets team\/g is held by the finalizers example\.io\/hold/;
      const deleting = await eventually('the work says what holds it', async () => {
        const conditions = (await works.read('whole')).status?.conditions ?? [];
        const found = conditions.find(({ type }) => type === 'Deleting');
        return found !== undefined && held.test(found.message) && found;
      });
      expect(deleting.status).to.equal('True');
      const why = await works.why('whole');
      expect(why).to.match(held).and.to.contain('whoever set the finalizer has to remove it');
      // What it lives in stays as long as it does.
      expect(await works.has('crd', 'gadgets.example.io')).to.equal(true);
      expect((await works.get('namespace', 'team')).metadata.deletionTimestamp).to.equal(undefined);
      await works.merge(['gadget', 'g', '-n', 'team'], { metadata: { finalizers: null } });
      await works.untilDeleted('whole');
      const gone = writes();
      expectOrder(gone, 'delete gadgets/g', 'delete customresourcedefinitions/');
      expectOrder(gone, 'delete gadgets/g', 'delete namespaces/team');
      expectOrder(gone, 'delete configmaps/inside', 'delete namespaces/team');
      await works.untilGone('namespace', 'team');
      await works.untilGone('crd', 'gadgets.example.io');
    });
  });
});
