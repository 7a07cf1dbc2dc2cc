/**
 * Managed clusters as they really are: busy, slow, forgetful, with kinds that come and go, large objects, and namespaces
 * that nobody may delete. A proxy between klusterlet and cluster has the bad days.
 */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { FaultProxy, type ProxiedRequest, refusal } from '../support/fault-proxy.js';
import { configMap, Fleet, must, work } from '../support/fleet.js';
import { gadget, gadgets, ManagedWorks, namespace } from '../support/managed.js';
import { eventually, pause } from '../support/processes.js';

const isWatch = ({ query }: ProxiedRequest): boolean => query.get('watch') === 'true';
const isWriteOf =
  (name: string) =>
  ({ method, path, body }: ProxiedRequest): boolean =>
    method !== 'GET' &&
    path.includes('/configmaps') &&
    (path.endsWith(`/${name}`) || body.includes(`"${name}"`));

/** So many letters, different ones: neither side may gain by packing them. */
const text = (length: number): string => {
  let made = '';
  for (let n = 1; made.length < length; n = (n * 48271) % 2147483647) made += n.toString(36);
  return made.slice(0, length);
};

describe('a managed cluster on a bad day', function () {
  this.timeout(180_000);
  const fleet = new Fleet();
  let proxy: FaultProxy;
  let works: ManagedWorks;

  before(async () => {
    await fleet.startHub();
    const cluster = await fleet.startCluster('edge');
    works = new ManagedWorks(fleet, cluster);
    proxy = new FaultProxy(cluster);
    await proxy.start();
    const kubeconfig = join(fleet.directory, 'klusterlet.kubeconfig');
    proxy.writeKubeconfig(kubeconfig);
    await fleet.join(cluster, kubeconfig);
  });
  beforeEach(() => {
    proxy.fault = () => undefined;
  });
  after(async () => {
    await fleet.close();
    await proxy.stop();
  });

  const isData = (name: string, wanted: string) => async (): Promise<boolean> =>
    (await works.get('configmap', name)).data?.['a'] === wanted;

  for (const seconds of [2, 12]) {
    it(`says to come again in ${seconds} s: it is left alone so long`, async () => {
      const name = `busy-${seconds}`;
      const isIts = isWriteOf(name);
      let refused = 0;
      proxy.fault = (request) => {
        if (!isIts(request) || refused > 0) return undefined;
        refused++;
        return refusal(429, 'TooManyRequests', { 'retry-after': String(seconds) });
      };
      await works.send(name, [configMap(name, { a: '1' }), configMap(`${name}-beside`, { a: '1' })]);
      const [first, second] = proxy.requests.filter(isIts).map(({ atMs }) => atMs);
      expect((second ?? 0) - (first ?? 0)).to.be.at.least(seconds * 1000 - 50);
      // Others did not wait for it.
      const beside = proxy.requests.find(isWriteOf(`${name}-beside`));
      expect((beside?.atMs ?? 0) - (first ?? 0)).to.be.below(seconds * 1000);
    });
  }

  it('takes seconds for each answer: all is done all the same', async () => {
    proxy.fault = (request) => (isWatch(request) ? undefined : { delayMs: 2500 });
    await works.cluster.klusterlet.stop();
    works.cluster.klusterlet.start();
    await works.apply('slow', [namespace('slow'), configMap('slow', { a: '1' }, 'slow')]);
    const isThere = () => works.has('configmap', 'slow', '-n', 'slow');
    await eventually('it is there', isThere, { timeoutMs: 60_000 });
    await eventually(
      'the hub knows',
      async () => (await works.condition('slow', 'slow', 'Applied'))?.status === 'True',
      { timeoutMs: 60_000 },
    );
    await works.k('delete', 'configmap', 'slow', '-n', 'slow');
    await eventually('it is back', isThere, { timeoutMs: 60_000 });
    await fleet.available(works.cluster);
  });

  it('has forgotten from where a watch would go on (410): it begins anew', async () => {
    await works.send('watched', [configMap('watched', { a: '1' })]);
    const expired = {
      kind: 'Status',
      apiVersion: 'v1',
      metadata: {},
      status: 'Failure',
      reason: 'Expired',
      code: 410,
    };
    const message = 'too old resource version: 1 (2)';
    for (const fault of [
      { status: 200, body: { type: 'ERROR', object: { ...expired, message } } },
      { status: 410, body: { ...expired, message } },
    ]) {
      let ended = 0;
      proxy.fault = (request) => (isWatch(request) && ended++ < 6 ? fault : undefined);
      proxy.cut();
      await works.merge(['configmap', 'watched'], { data: { a: 'wrong' } });
      await eventually('the drift is corrected', isData('watched', '1'));
      expect(ended).to.be.greaterThan(0);
      proxy.fault = () => undefined;
      await works.merge(['configmap', 'watched'], { data: { a: 'again' } });
      await eventually('the watch goes on', isData('watched', '1'));
    }
  });

  it('serves kinds that come and go: their objects come with them', async () => {
    await works.apply('kinds', [gadget('early', { size: 1 }), configMap('kinds', { a: '1' })]);
    await works.until('kinds', 'early', { type: 'Applied', status: 'False', says: /Gadget/ });
    const define = () => fleet.runOn(works.cluster, { input: JSON.stringify(gadgets) }, 'apply', '-f', '-');
    await define();
    await works.until('kinds', 'early', { type: 'Applied', status: 'True' });
    await works.k('delete', 'crd', 'gadgets.example.io');
    await works.until('kinds', 'early', { type: 'Applied', status: 'False', says: /Gadget/ });
    await works.merge(['configmap', 'kinds'], { data: { a: 'wrong' } });
    await eventually('the neighbour is corrected', isData('kinds', '1'));
    await define();
    await works.until('kinds', 'early', { type: 'Applied', status: 'True' });
    expect((await works.get('gadget', 'early')).spec).to.deep.equal({ size: 1 });
  });

  it('has an API group whose server is away: the others go on', async () => {
    const service = {
      apiVersion: 'apiregistration.k8s.io/v1',
      kind: 'APIService',
      metadata: { name: 'v1.away.example.io' },
      spec: {
        group: 'away.example.io',
        version: 'v1',
        groupPriorityMinimum: 1000,
        versionPriority: 15,
        service: { namespace: 'default', name: 'nobody' },
      },
    };
    await fleet.runOn(works.cluster, { input: JSON.stringify(service) }, 'apply', '-f', '-');
    proxy.fault = ({ path }) =>
      path.startsWith('/apis/away.example.io') ? refusal(503, 'ServiceUnavailable') : undefined;
    await works.cluster.klusterlet.stop();
    works.cluster.klusterlet.start();
    const away = {
      apiVersion: 'away.example.io/v1',
      kind: 'Away',
      metadata: { name: 'away', namespace: 'default' },
    };
    await works.apply('groups', [away, configMap('groups', { a: '1' })]);
    await works.until('groups', 'groups', { type: 'Applied', status: 'True' });
    await works.until('groups', 'away', { type: 'Applied', status: 'False' });
    await works.delete('groups');
    await works.untilDeleted('groups');
  });

  it('refuses discovery for a while: what is known already goes on', async () => {
    await works.send('known', [configMap('known', { a: '1' })]);
    proxy.fault = ({ path }) => (/^\/apis?\/?$/.test(path) ? refusal(503, 'ServiceUnavailable') : undefined);
    await works.apply('unknown', [gadget('unknown'), configMap('unknown', { a: '1' })]);
    await works.merge(['configmap', 'known'], { data: { a: 'wrong' } });
    await eventually('the drift is corrected', isData('known', '1'));
    proxy.fault = () => undefined;
    await fleet.workApplied(works.cluster, 'unknown');
  });

  describe('holds large objects', () => {
    const size = async (...object: string[]): Promise<number> =>
      Buffer.byteLength(await works.k('get', ...object, '-o', 'json'));

    it('a ConfigMap as large as a work may be', async () => {
      const data = { a: '1', large: text(500_000) };
      const input = JSON.stringify(work(works.cluster, 'large', [configMap('large', data)]));
      // kubectl apply would write it into an annotation, too.
      must(await fleet.kubectlWith({ input }, 'create', '-f', '-'));
      await fleet.workApplied(works.cluster, 'large');
      await works.merge(['configmap', 'large'], { data: { a: 'wrong', large: 'gone' } });
      await eventually(
        'it is corrected',
        async () => (await works.get('configmap', 'large')).data?.['large'] === data.large,
      );
      expect(await isData('large', '1')()).to.equal(true);
    });

    it('a ConfigMap that others have filled to its limit', async () => {
      const theirs = text(1_040_000);
      await works.send('filled', [configMap('filled', { a: '1' })]);
      const patch = join(fleet.directory, 'patch.json');
      writeFileSync(patch, JSON.stringify({ data: { theirs } }));
      await works.k('patch', 'configmap', 'filled', '--type=merge', '--patch-file', patch);
      await works.merge(['configmap', 'filled'], { data: { a: 'wrong' } });
      await eventually('it is corrected', isData('filled', '1'));
      expect((await works.get('configmap', 'filled')).data?.['theirs']).to.equal(theirs);
      await works.delete('filled');
      await works.untilDeleted('filled');
      await works.untilGone('configmap', 'filled');
    });

    it('a custom resource of 1.4 MB, with feedback', async () => {
      const resourceIdentifier = {
        group: 'example.io',
        resource: 'gadgets',
        namespace: 'default',
        name: 'huge',
      };
      const feedbackRules = [{ type: 'JSONPaths', jsonPaths: [{ name: 'mood', path: '.status.mood' }] }];
      const more = { manifestConfigs: [{ resourceIdentifier, feedbackRules }] };
      await works.send('huge', [gadgets, gadget('huge', { size: 1 })], more);
      const live = await works.get('gadget', 'huge');
      const grown = { ...live, spec: { size: 100, theirs: text(1_400_000) } };
      await fleet.runOn(works.cluster, { input: JSON.stringify(grown) }, 'replace', '-f', '-');
      await works.merge(['gadget', 'huge'], { status: { mood: 'heavy' } }, '--subresource=status');
      await eventually(
        'it is corrected',
        async () => (await works.get('gadget', 'huge')).spec?.['size'] === 1,
      );
      expect(await size('gadget', 'huge')).to.be.greaterThan(1_400_000);
      await eventually('the feedback is there', async () =>
        JSON.stringify((await works.read('huge')).status).includes('"heavy"'),
      );
      await works.delete('huge');
      await works.untilDeleted('huge');
    });
  });

  describe('has namespaces that nobody may delete', () => {
    for (const name of ['kube-system', 'default', 'kube-public']) {
      it(`${name}: a work may set labels there, and goes without it`, async () => {
        const labelled = { ...namespace(name), metadata: { name, labels: { team: 'platform' } } };
        await works.send('protected', [labelled, configMap('protected', { a: '1' }, name)]);
        const live = await works.get('namespace', name);
        expect(live.metadata.labels).to.deep.include({ team: 'platform' });
        expect(live.metadata.ownerReferences).to.equal(undefined);
        // Let go of by a change of the work, and then by its end.
        await works.send('protected', [configMap('protected', { a: '1' }, name)]);
        await works.send('protected', [labelled, configMap('protected', { a: '1' }, name)]);
        await works.delete('protected');
        await works.untilDeleted('protected');
        await works.untilGone('configmap', 'protected', '-n', name);
        await pause(500);
        expect((await works.get('namespace', name)).metadata.deletionTimestamp).to.equal(undefined);
      });
    }

    it("the klusterlet's own among them", async () => {
      // It is there: the klusterlet keeps the second copy of its credentials in it.
      await works.send('own', [namespace('open-cluster-management-agent')]);
      await works.delete('own');
      await works.untilDeleted('own');
      await pause(500);
      const live = await works.get('namespace', 'open-cluster-management-agent');
      expect(live.metadata.deletionTimestamp).to.equal(undefined);
    });
  });
});
