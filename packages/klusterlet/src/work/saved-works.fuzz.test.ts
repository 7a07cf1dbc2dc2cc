/** Saved works of which files were cut off, flipped or lost: what is left is loaded, or told to be unreadable. */
import type { ManifestWork } from '@flotilla/api';
import { fuzz, mutatedBytes } from '@flotilla/api/testing';
import { createTestEnv } from '@flotilla/kube/testing';
import fc from 'fast-check';
import { createSavedWorks } from './saved-works.js';

const directory = '/data/works';
const work = (name: string, generation: number): ManifestWork => ({
  apiVersion: 'work.open-cluster-management.io/v1',
  kind: 'ManifestWork',
  metadata: { name, namespace: 'c', uid: `uid-${name}`, generation },
  spec: {
    workload: {
      manifests: [
        { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: `${name}-${generation}`, namespace: 'd' } },
      ] as never, // the schema's type of any object
    },
  },
});

describe('fuzzed files of saved works', () => {
  fuzz({
    name: 'saved works',
    cases: fc.tuple(
      fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c', 'd'), fc.nat(3)), { minLength: 1, maxLength: 12 }),
      fc.nat(),
      mutatedBytes([
        Buffer.from(
          '{"isWhole":true,"entries":[["a",null],["b",{"work":{"metadata":{"name":"b"}},"previous":[]}]]}',
        ),
      ]),
      fc.constantFrom('end', 'flip', 'other', 'gone', 'empty', 'name'),
    ),
    check: async ([writes, at, noise, damage]) => {
      const env = createTestEnv();
      const saved = createSavedWorks({ env, directory });
      await saved.load();
      for (const [name, generation] of writes) {
        if (generation === 0) await saved.remove(name);
        else await saved.save(work(name, generation));
      }
      const paths = env.files.paths();
      const path = paths[at % Math.max(paths.length, 1)] ?? `${directory}/0000000000.json`;
      const bytes = Buffer.from((await env.files.read(path)) ?? []);
      const flipped = Buffer.from(bytes);
      const bit = at % Math.max(bytes.length * 8, 1);
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      if (damage === 'gone') await env.files.remove(path);
      else if (damage === 'name') await env.files.write(`${directory}/x\u0000${at}.json`, bytes);
      else
        await env.files.write(
          path,
          {
            end: bytes.subarray(0, at % (bytes.length + 1)),
            flip: flipped,
            other: noise,
            empty: Buffer.of(),
          }[damage as 'end'],
        );
      const again = createSavedWorks({ env, directory });
      const loaded = await again.load();
      for (const { metadata } of loaded)
        if (typeof metadata.name !== 'string') throw new Error('a work without a name');
      // It goes on from there, and what is saved now is there after another restart.
      await again.save(work('new', 7));
      const last = await createSavedWorks({ env, directory }).load();
      if (!last.some(({ metadata }) => metadata.name === 'new' && metadata.generation === 7))
        throw new Error('what was saved is lost');
      if (last.length < loaded.length) throw new Error('what was loaded is lost');
    },
  });
});
