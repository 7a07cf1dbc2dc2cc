/** Deletion interlock: a hub that comes back empty, or as it was before its works, deletes nothing by that. */
import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { configMap, Fleet, must } from '../support/fleet.js';
import { ManagedWorks } from '../support/managed.js';
import { eventually, ours, pause } from '../support/processes.js';

const names = ['one', 'two', 'three', 'four'];

describe('a hub that lost its works', function () {
  this.timeout(180_000);
  const fleet = new Fleet();
  const dataDir = join(fleet.directory, 'hub');
  const file = join(fleet.directory, 'empty.backup');
  let works: ManagedWorks;

  before(async () => {
    await fleet.startHub();
    const klusterletFlags = [
      '--appliedmanifestwork-eviction-grace-period',
      '2s',
      '--max-unasked-deletion',
      '40',
    ];
    works = new ManagedWorks(fleet, await fleet.startCluster('edge', { klusterletFlags }));
    await fleet.join(works.cluster);
    must(await fleet.hubCommand('backup', '--to', file));
    expect(existsSync(file)).to.equal(true);
    for (const name of names) await works.send(name, [configMap(name, { a: '1' })]);
  });
  after(() => fleet.close());

  const present = async (): Promise<readonly string[]> => {
    const listed = await works.k('get', 'configmaps', '-o', 'name');
    return names.filter((name) => listed.includes(`configmap/${name}\n`));
  };
  /** What the cluster says that it does not delete. */
  const held = async (): Promise<string | undefined> => {
    const cluster = await fleet.hubGet<{
      status?: { conditions?: { type: string; status: string; message: string }[] };
    }>('managedcluster', 'edge');
    const found = cluster.status?.conditions?.find(({ type }) => type === 'DeletionHeld');
    return found?.status === 'True' ? found.message : undefined;
  };

  it('is told, keeps everything, and goes on when the works are back', async () => {
    await fleet.hub.stop('SIGKILL');
    await rm(dataDir, { recursive: true });
    must(await ours('hub', ['restore', '--from', file, '--data-dir', dataDir]));
    fleet.hub.start();
    await fleet.hubReady();
    const message = await eventually('the cluster says that it deletes nothing', held);
    expect(message).to.contain('4 of 4 works').and.to.contain('hub works confirm-deletion edge');
    // Beyond the grace period of an eviction.
    await pause(4000);
    expect(await present()).to.deep.equal(names);
    for (const name of names) await works.send(name, [configMap(name, { a: '1' })]);
    await eventually('nothing is held any more', async () => (await held()) === undefined);
    expect(await present()).to.deep.equal(names);
  });

  it('deletes after all when it is confirmed', async () => {
    await fleet.hub.stop('SIGKILL');
    await rm(dataDir, { recursive: true });
    must(await ours('hub', ['restore', '--from', file, '--data-dir', dataDir]));
    fleet.hub.start();
    await fleet.hubReady();
    await eventually('the cluster says that it deletes nothing', held);
    must(await fleet.hubCommand('works', 'confirm-deletion', 'edge'));
    await eventually('all are gone', async () => (await present()).length === 0);
    await eventually('nothing is held any more', async () => (await held()) === undefined);
  });

  it('does not hold what users delete, be it everything', async () => {
    for (const name of names) await works.send(name, [configMap(name, { a: '1' })]);
    must(await fleet.kubectl('delete', 'manifestworks', '--all', '-n', 'edge', '--wait=false'));
    for (const name of names) await works.untilDeleted(name);
    expect(await present()).to.deep.equal([]);
    expect(await held()).to.equal(undefined);
  });

  it('lets a share go that is small enough', async () => {
    for (const name of names) await works.send(name, [configMap(name, { a: '1' })]);
    await works.cluster.klusterlet.stop('SIGKILL');
    const patch = '{"metadata":{"finalizers":null}}';
    await works.delete('four');
    must(await fleet.kubectl('patch', 'manifestwork', 'four', '-n', 'edge', '--type=merge', '-p', patch));
    works.cluster.klusterlet.start();
    await works.untilGone('configmap', 'four');
    expect(await present()).to.deep.equal(names.slice(0, 3));
    expect(await held()).to.equal(undefined);
  });
});
