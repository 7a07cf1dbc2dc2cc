/** A work of thousands of manifests, whose whole status is larger than a hub takes, through real processes. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestWork } from '@flotilla/api';
import { expect } from 'chai';
import { type Conditioned, Fleet, isTrue, must } from './support/fleet.js';
import { eventually } from './support/processes.js';

const count = 4200;

describe('a work with thousands of manifests', () => {
  const fleet = new Fleet();
  before(async () => {
    await fleet.startHub();
    await fleet.join(await fleet.startCluster('c1'));
  });
  after(() => fleet.close());

  it('is applied whole, and its status says so though not all of it fits', async () => {
    const manifests = [
      { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'many' } },
      ...Array.from({ length: count }, (_, i) => ({
        ...{ apiVersion: 'v1', kind: 'ConfigMap' },
        metadata: { name: `m-${i}`, namespace: 'many' },
      })),
      { apiVersion: 'no.example.com/v1', kind: 'Nobody', metadata: { name: 'missing', namespace: 'many' } },
    ];
    const file = join(fleet.directory, 'large.json');
    const kind = { apiVersion: 'work.open-cluster-management.io/v1', kind: 'ManifestWork' };
    const metadata = { name: 'large', namespace: 'c1' };
    writeFileSync(file, JSON.stringify({ ...kind, metadata, spec: { workload: { manifests } } }));
    must(await fleet.kubectl('create', '-f', file));
    await eventually(
      'the status has come',
      async () => {
        const work = await fleet.hubGet<Conditioned>('manifestwork', 'large', '-n', 'c1');
        return (work.status?.conditions ?? []).some(({ type }) => type === 'Applied');
      },
      { timeoutMs: 150_000 },
    );
    const work = await fleet.hubGet<Conditioned & ManifestWork>('manifestwork', 'large', '-n', 'c1');
    const said = work.status?.conditions?.find(({ type }) => type === 'StatusComplete');
    expect(said?.message).to.match(/^The status of 4202 manifests is too large for the hub: /);
    expect(isTrue(work, 'Applied'), 'one manifest is of a kind that nobody serves').to.equal(false);
    // Of so many only what is not well fits.
    const entries = work.status?.resourceStatus?.manifests ?? [];
    expect(entries.map(({ resourceMeta }) => resourceMeta.kind)).to.deep.equal(['Nobody']);
    expect(entries[0]?.conditions[0]?.message).to.contain('Nobody');
    const [cluster] = fleet.clusters;
    if (cluster === undefined) throw new Error('a cluster has joined');
    const held = must(await fleet.on(cluster, 'get', 'configmap', '-n', 'many', '-o', 'name'));
    expect(
      held
        .trim()
        .split('\n')
        .filter((name) => name.includes('/m-')),
    ).to.have.length(count);
  });

  it('says the rest again when it has become small', async () => {
    const patch = JSON.stringify([
      {
        op: 'replace',
        path: '/spec/workload/manifests',
        value: [{ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'many' } }],
      },
    ]);
    must(await fleet.kubectl('patch', 'manifestwork', 'large', '-n', 'c1', '--type', 'json', '-p', patch));
    await eventually(
      'the status is whole',
      async () => {
        const work = await fleet.hubGet<Conditioned>('manifestwork', 'large', '-n', 'c1');
        const types = work.status?.conditions?.map(({ type }) => type) ?? [];
        return isTrue(work, 'Applied') && !types.includes('StatusComplete');
      },
      { timeoutMs: 150_000 },
    );
  });
});
