/**
 * P9: a user asks for what cannot be. The answer must be a refusal that names the field, and nothing may have changed.
 * Called by the run of a scenario.
 */
import { type KubeObject, StatusError } from '@flotilla/api';
import { TransportError, wellKnown } from '@flotilla/kube';
import type { FleetCluster } from './fleet-cluster.js';
import type { World } from './world.js';

interface Nonsense {
  readonly body: object;
  readonly says: RegExp;
}

/** Before anything else: the namespace is going, or not there. */
const isAway =
  /namespaces? "?[^ ]* (not found|because it is being terminated)|because it is being terminated/;

const apiVersion = 'work.open-cluster-management.io/v1';
const good = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'nonsense', namespace: 'default' } };
const workOf = (...manifests: unknown[]): object => ({ spec: { workload: { manifests } } });

const all: readonly Nonsense[] = [
  { body: workOf(), says: /manifests should not be empty/ },
  { body: {}, says: /manifests should not be empty/ },
  { body: workOf({ apiVersion: 'v1', metadata: { name: 'a' } }), says: /manifests\[0\]\.kind/ },
  { body: workOf(good, { kind: 'ConfigMap', metadata: { name: 'a' } }), says: /manifests\[1\]\.apiVersion/ },
  {
    body: workOf({ apiVersion: 'v1', kind: 'ConfigMap', metadata: {} }),
    says: /name must be set in manifest/,
  },
  { body: workOf('hello'), says: /manifests\[0\]/ },
  { body: { spec: { workload: 'all of it' } }, says: /spec\.workload/ },
  {
    body: { spec: { ...workOf(good), deleteOption: { propagationPolicy: 'Sometimes' } } },
    says: /propagationPolicy/,
  },
  { body: workOf({ ...good, data: { a: 'x'.repeat(512_000) } }), says: /exceeds the 512000 limit/ },
];

/** All of it, from the picked one on; returns what came of it. */
export async function askNonsense(world: World, { name }: FleetCluster, pick: number): Promise<string> {
  const first = pick % all.length;
  for (const one of [...all.slice(first), ...all.slice(0, first)]) {
    const silence = await ask(world, name, one);
    if (silence !== undefined) return silence;
  }
  return `refused ${all.length} times`;
}

/** A text: there was no answer. */
async function ask(world: World, namespace: string, { body, says }: Nonsense): Promise<string | undefined> {
  const name = 'nonsense';
  const work = { apiVersion, kind: 'ManifestWork', metadata: { namespace, name }, ...body } as KubeObject;
  world.checks.add('P9');
  try {
    await world.adminClient().create(wellKnown.manifestWorks, work);
    world.breach('P9', `a work was taken that cannot be: ${JSON.stringify(body).slice(0, 200)}`);
  } catch (error) {
    if (error instanceof TransportError) return error.message;
    const isWell =
      error instanceof StatusError &&
      (error.code >= 500 || says.test(error.message) || isAway.test(error.message));
    if (!isWell) world.breach('P9', `refused with a word that helps nobody: ${String(error)}`);
  }
  if (world.observer.works.has(`${namespace}/${name}`))
    world.breach('P9', 'a refused work is there all the same');
  return undefined;
}
