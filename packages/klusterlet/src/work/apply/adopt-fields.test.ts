import type { JsonObject, KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { adoptFields } from './adopt-fields.js';

const manifest = (spec: JsonObject, labels?: Record<string, string>): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', ...(labels && { labels }) },
  spec,
});

const entry = (operation: 'Apply' | 'Update', fieldsV1: JsonObject, manager = 'work-agent') => ({
  manager,
  operation,
  apiVersion: 'apps/v1',
  fieldsType: 'FieldsV1' as const,
  fieldsV1,
});

const live = (...managedFields: ReturnType<typeof entry>[]): KubeObject => ({
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  metadata: { name: 'web', managedFields },
});

const container = (name: string): string => `k:{"name":"${name}"}`;

describe('fields that were written by whole updates', () => {
  const adopt = (object: KubeObject, ...manifests: KubeObject[]) =>
    adoptFields(object, { manager: 'work-agent', manifests });

  it('are taken over as far as a manifest sets them, list items whole, and the rest is left', () => {
    const whole = {
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {}, 'f:theirs': {} }, 'f:ownerReferences': { '.': {} } },
      'f:spec': {
        'f:replicas': {},
        'f:strategy': { 'f:type': {} },
        'f:containers': {
          [container('one')]: { '.': {}, 'f:name': {}, 'f:defaulted': {} },
          [container('two')]: { '.': {}, 'f:name': {} },
        },
        'f:finalizers': { 'v:"a"': {}, 'v:"b"': {} },
      },
    };
    const now = manifest({ replicas: 1, containers: [{ name: 'one' }], finalizers: ['a'] }, { a: 'b' });
    const before = manifest({ containers: [{ name: 'two' }] });
    expect(adopt(live(entry('Update', whole)), now, before)).to.deep.equal([
      entry('Apply', {
        'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
        'f:spec': {
          'f:replicas': {},
          'f:containers': whole['f:spec']['f:containers'],
          'f:finalizers': { 'v:"a"': {} },
        },
      }),
      entry('Update', {
        'f:metadata': { 'f:labels': { 'f:theirs': {} }, 'f:ownerReferences': { '.': {} } },
        'f:spec': { 'f:strategy': { 'f:type': {} }, 'f:finalizers': { 'v:"b"': {} } },
      }),
    ]);
  });

  it('join what was applied before, and nobody else loses any', () => {
    const theirs = entry('Update', { 'f:spec': { 'f:replicas': {} } }, 'scaler');
    const applied = entry('Apply', { 'f:spec': { 'f:paused': {} } });
    const ours = entry('Update', { 'f:spec': { 'f:replicas': {} } });
    expect(adopt(live(theirs, applied, ours), manifest({ replicas: 1 }))).to.deep.equal([
      entry('Apply', { 'f:spec': { 'f:paused': {}, 'f:replicas': {} } }),
      theirs,
    ]);
  });

  const none: [what: string, object: KubeObject][] = [
    ['there are none', live()],
    ['they are of others', live(entry('Update', { 'f:spec': { 'f:replicas': {} } }, 'scaler'))],
    ['no manifest sets them', live(entry('Update', { 'f:spec': { 'f:paused': {} } }))],
    ['they were applied', live(entry('Apply', { 'f:spec': { 'f:replicas': {} } }))],
  ];
  for (const [what, object] of none) {
    it(`are left when ${what}`, () => {
      expect(adopt(object, manifest({ replicas: 1 }))).to.equal(undefined);
    });
  }
});
