// The load on systems that are not ours: any Kubernetes API as the hub, and any agent that follows ManifestWorks there.
// What the benchmark makes on such a hub carries one label and is deleted again, also when a part fails.
import { wellKnown } from '@flotilla/kube';
import { pause } from '../demo/processes.mjs';
import { forEachIndex } from './statistics.mjs';

const label = 'flotilla.dev/benchmark';
const cleanUpMs = 120_000;

/** Names and labels for one run's works on somebody else's hub, where those of other runs may still be. */
export function marked(run) {
  const mark = `${process.pid}-${run}`;
  return { prefix: `bench-${mark}-`, labels: { [label]: mark } };
}

/** Works need the cluster's namespace. One that had to be made stays. */
export async function ensureNamespace(client, name) {
  try {
    await client.get(wellKnown.namespaces, { name });
  } catch (error) {
    if (error.code !== 404) throw error;
    await client.create(wellKnown.namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  }
}

/** Deletes all works with these labels, and waits until the agent has let them go. */
export async function deleteWorks(client, { namespace, labels }) {
  const labelSelector = Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(',');
  const left = async () =>
    (
      await client.list(wellKnown.manifestWorks, {
        ...(namespace !== undefined && { namespace }),
        labelSelector,
        metadataOnly: true,
      })
    ).items;
  const works = await left();
  await forEachIndex(works.length, (i) => deleteWork(client, works[i].metadata), { concurrency: 16 });
  const deadline = performance.now() + cleanUpMs;
  for (;;) {
    const { length } = await left();
    if (length === 0) return;
    if (performance.now() > deadline) {
      throw new Error(
        `${length} works with the label ${labelSelector} are still being deleted in ${namespace ?? 'all namespaces'}`,
      );
    }
    await pause(100);
  }
}

async function deleteWork(client, { namespace, name }) {
  try {
    await client.delete(wellKnown.manifestWorks, { namespace, name });
  } catch (error) {
    if (error.code !== 404) throw error; // gone already
  }
}
