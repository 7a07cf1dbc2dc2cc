import { expect } from 'chai';
import { changesBetween, diffOf, summarize } from './work-changes.js';

const manifest = (kind: string, name: string, more: object = {}) => ({
  apiVersion: kind === 'Deployment' ? 'apps/v1' : 'v1',
  kind,
  metadata: { name, namespace: 'shop' },
  ...more,
});
const spec = (manifests: readonly object[], more: object = {}) => ({ workload: { manifests }, ...more });

describe('changes between two specs of a work', () => {
  it('are told manifest by manifest, and for the rest', () => {
    const changes = changesBetween(
      spec([
        manifest('ConfigMap', 'a'),
        manifest('ConfigMap', 'b'),
        manifest('Deployment', 'web', { spec: { replicas: 1 } }),
      ]),
      spec(
        [
          manifest('Deployment', 'web', { spec: { replicas: 2 } }),
          manifest('ConfigMap', 'a'),
          manifest('ConfigMap', 'c'),
        ],
        {
          deleteOption: { propagationPolicy: 'Orphan' },
        },
      ),
    );
    expect(summarize(changes, 9)).to.equal(
      '~Deployment.apps shop/web, +ConfigMap shop/c, -ConfigMap shop/b, ~settings of the work',
    );
    expect(summarize(changes)).to.equal(
      '~Deployment.apps shop/web, +ConfigMap shop/c, -ConfigMap shop/b, 1 more',
    );
    const labels = { from: 'generation 1', to: 'generation 2', showSecrets: false };
    expect(changes.map((change) => diffOf(change, labels))[0]).to.equal(
      [
        '--- Deployment.apps shop/web (generation 1)',
        '+++ Deployment.apps shop/web (generation 2)',
        '@@ -4,4 +4,4 @@',
        '   name: web',
        '   namespace: shop',
        ' spec:',
        '-  replicas: 1',
        '+  replicas: 2',
      ].join('\n'),
    );
  });

  it('are none for the same manifests in another order', () => {
    const [a, b] = [manifest('ConfigMap', 'a'), manifest('ConfigMap', 'b')];
    expect(changesBetween(spec([a, b]), spec([b, a]))).to.deep.equal([]);
  });

  it('hide secrets unless told otherwise', () => {
    const [change] = changesBetween(
      spec([manifest('Secret', 's', { data: { a: 'b25l', same: 'eA==' } })]),
      spec([manifest('Secret', 's', { data: { a: 'dHdv', same: 'eA==' } })]),
    );
    if (change === undefined) throw new Error('no change was found');
    const labels = { from: '1', to: '2' };
    const masked = diffOf(change, { ...labels, showSecrets: false });
    expect(masked).to.contain('-  a: "*** (before)"\n+  a: "*** (after)"\n   same: "***"');
    expect(diffOf(change, { ...labels, showSecrets: true })).to.contain(
      '-  a: b25l\n+  a: dHdv\n   same: eA==',
    );
  });

  it('tell the versions of one object apart', () => {
    const versions = (schedule: string) =>
      ['batch/v1', 'batch/v1beta1'].map((apiVersion) => ({
        ...manifest('CronJob', 'j'),
        apiVersion,
        schedule,
      }));
    expect(summarize(changesBetween(spec(versions('1')), spec(versions('2'))))).to.equal(
      '~CronJob.batch shop/j, ~CronJob.batch shop/j (batch/v1beta1)',
    );
  });
});
