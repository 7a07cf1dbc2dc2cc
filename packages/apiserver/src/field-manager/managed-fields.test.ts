import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { updateManagedFields } from './managed-fields.js';
import { timeOf, WidgetHistory, widget, widgetSchema, widgetVersion } from './testing.js';

const context = { schema: widgetSchema, apiVersion: widgetVersion, nowMs: Date.parse(timeOf(30)) };

describe('updateManagedFields', () => {
  it('credits a creator with every field and the maps and items that hold them', () => {
    const { object } = new WidgetHistory().put(
      'alice',
      widget({
        metadata: {
          uid: 'u',
          resourceVersion: '1',
          creationTimestamp: 'x',
          generation: 1,
          labels: { a: '1' },
          finalizers: ['f/x'],
        },
        spec: {
          replicas: 1,
          selector: { app: 'x' },
          containers: [{ name: 'c', args: ['x'], ports: [{ containerPort: 80 }] }],
          tags: ['t'],
          extra: { deep: { list: [1] }, none: null },
          rules: [],
        },
      }),
    );
    expect(object?.metadata.managedFields).to.deep.equal([
      {
        manager: 'alice',
        operation: 'Update',
        apiVersion: widgetVersion,
        time: timeOf(1),
        fieldsType: 'FieldsV1',
        fieldsV1: {
          'f:metadata': { 'f:finalizers': { '.': {}, 'v:"f/x"': {} }, 'f:labels': { '.': {}, 'f:a': {} } },
          'f:spec': {
            '.': {},
            'f:containers': {
              '.': {},
              'k:{"name":"c"}': {
                '.': {},
                'f:args': {},
                'f:name': {},
                'f:ports': {
                  '.': {},
                  'k:{"containerPort":80,"protocol":"TCP"}': { '.': {}, 'f:containerPort': {} },
                },
              },
            },
            'f:extra': { '.': {}, 'f:deep': { '.': {}, 'f:list': {} }, 'f:none': {} },
            'f:replicas': {},
            'f:rules': {},
            'f:selector': {},
            'f:tags': { '.': {}, 'v:"t"': {} },
          },
        },
      },
    ]);
  });

  it('does not make anybody owner of the structs that a built-in object always has', () => {
    const managedFields = updateManagedFields({
      ...context,
      live: undefined,
      updated: widget({
        metadata: { labels: { a: '1' } },
        spec: { containers: [{ name: 'c', image: 'i' }], strategy: { type: 'x', rolling: { surge: 1 } } },
        status: {},
      }),
      schema: { ...widgetSchema, 'x-flotilla-ref': 'io.k8s.demo.Widget' },
      manager: 'm',
    });
    expect(managedFields[0]?.fieldsV1).to.deep.equal({
      'f:metadata': { 'f:labels': { '.': {}, 'f:a': {} } },
      'f:spec': {
        'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
        'f:strategy': { 'f:rolling': { '.': {}, 'f:surge': {} }, 'f:type': {} },
      },
    });
  });

  const base = { replicas: 1, limits: { cpu: 1 }, tags: ['a', 'b'], containers: [{ name: 'c', image: 'i' }] };
  const moves: { name: string; to: object; alice: object; bob?: object }[] = [
    {
      name: 'a changed scalar moves',
      to: { ...base, replicas: 2 },
      alice: { 'f:replicas': undefined },
      bob: { 'f:replicas': {} },
    },
    { name: 'an unchanged field stays', to: { ...base }, alice: {} },
    {
      name: 'a removed field vanishes from all',
      to: { ...base, replicas: undefined },
      alice: { 'f:replicas': undefined },
    },
    {
      name: 'an added map key is the writer’s, the map stays',
      to: { ...base, limits: { cpu: 1, memory: '1Gi' } },
      alice: {},
      bob: { 'f:limits': { 'f:memory': {} } },
    },
    {
      name: 'a set member that came and one that went',
      to: { ...base, tags: ['b', 'z'] },
      alice: { 'f:tags': { '.': {}, 'v:"b"': {} } },
      bob: { 'f:tags': { 'v:"z"': {} } },
    },
    { name: 'reordered set members', to: { ...base, tags: ['b', 'a'] }, alice: {} },
    {
      name: 'a field in a list item',
      to: { ...base, containers: [{ name: 'c', image: 'j' }] },
      alice: { 'f:containers': { '.': {}, 'k:{"name":"c"}': { '.': {}, 'f:name': {} } } },
      bob: { 'f:containers': { 'k:{"name":"c"}': { 'f:image': {} } } },
    },
    {
      name: 'a renamed list item is another item',
      to: { ...base, containers: [{ name: 'd', image: 'i' }] },
      alice: { 'f:containers': {} },
      bob: { 'f:containers': { 'k:{"name":"d"}': { '.': {}, 'f:image': {}, 'f:name': {} } } },
    },
    {
      name: 'an item that becomes a duplicate is one value',
      to: {
        ...base,
        containers: [
          { name: 'c', image: 'i' },
          { name: 'c', image: 'i' },
        ],
      },
      alice: { 'f:containers': {} },
      bob: { 'f:containers': { 'k:{"name":"c"}': {} } },
    },
    {
      name: 'a list that is emptied keeps its owner',
      to: { ...base, tags: [] },
      alice: { 'f:tags': {} },
    },
    {
      name: 'a map that becomes null keeps its owner',
      to: { ...base, limits: null },
      alice: { 'f:limits': {} },
    },
  ];
  const all = {
    '.': {},
    'f:containers': { '.': {}, 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
    'f:limits': { '.': {}, 'f:cpu': {} },
    'f:replicas': {},
    'f:tags': { '.': {}, 'v:"a"': {}, 'v:"b"': {} },
  };
  for (const { name, to, alice, bob } of moves) {
    it(`update by another manager: ${name}`, () => {
      const history = new WidgetHistory()
        .put('alice', widget({ spec: base }))
        .put('bob', widget({ spec: to }));
      const left = Object.fromEntries(
        Object.entries({ ...all, ...alice }).filter(([, value]) => value !== undefined),
      );
      expect(history.owners).to.deep.equal({
        alice: { 'f:spec': left },
        ...(bob && { bob: { 'f:spec': bob } }),
      });
      const [first] = history.entries;
      expect(first?.time).to.equal(timeOf(1));
    });
  }

  it('moves the time of the caller’s entry only when its fields changed', () => {
    const history = new WidgetHistory().put('alice', widget({ spec: { replicas: 1, paused: true } }));
    expect(history.put('alice', widget({ spec: { replicas: 1, paused: true } })).entries[0]?.time).to.equal(
      timeOf(1),
    );
    expect(history.put('alice', widget({ spec: { replicas: 1 } })).entries[0]?.time).to.equal(timeOf(1));
    expect(history.put('alice', widget({ spec: { replicas: 2 } })).entries[0]?.time).to.equal(timeOf(4));
  });

  it('keeps the status endpoint apart', () => {
    const history = new WidgetHistory()
      .put('alice', widget({ spec: { replicas: 1 } }), { resetPaths: ['status'] })
      .put(
        'ctl',
        widget({
          metadata: { labels: { x: 'y' } },
          spec: { replicas: 1 },
          status: { ready: 1, conditions: [{ type: 'Ready', status: 'True' }] },
        }),
        { subresource: 'status', resetPaths: ['metadata', 'spec'] },
      );
    expect(history.owners).to.deep.equal({
      alice: { 'f:spec': { '.': {}, 'f:replicas': {} } },
      'ctl/status': {
        'f:status': {
          '.': {},
          'f:conditions': { '.': {}, 'k:{"type":"Ready"}': { '.': {}, 'f:status': {}, 'f:type': {} } },
          'f:ready': {},
        },
      },
    });
  });

  it('merges the oldest updates when there are more than ten', () => {
    const history = new WidgetHistory();
    for (let i = 0; i < 13; i++) {
      const limits = Object.fromEntries(Array.from({ length: i + 1 }, (_, n) => [`l${n}`, n]));
      history.put(`m${String(i).padStart(2, '0')}`, widget({ spec: { limits } }));
    }
    expect(Object.keys(history.owners)).to.deep.equal([
      'ancient-changes',
      ...Array.from({ length: 9 }, (_, n) => `m${String(n + 4).padStart(2, '0')}`),
    ]);
    expect(history.entries[0]?.time).to.equal(timeOf(4));
    expect(history.owners['ancient-changes']).to.deep.equal({
      'f:spec': { '.': {}, 'f:limits': { '.': {}, 'f:l0': {}, 'f:l1': {}, 'f:l2': {}, 'f:l3': {} } },
    });
  });

  describe('managedFields that a client sends', () => {
    const live = new WidgetHistory().put('alice', widget({ spec: { replicas: 1 } })).object as KubeObject;
    const send = (managedFields: unknown, subresource = ''): unknown =>
      updateManagedFields({
        ...context,
        live,
        updated: { ...live, metadata: { ...live.metadata, managedFields } as KubeObject['metadata'] },
        manager: 'bob',
        subresource,
      });
    const stored = live.metadata.managedFields;
    const entry = { manager: 'x', operation: 'Apply', apiVersion: 'v1', fieldsType: 'FieldsV1' };

    it('resets tracking with [] and [{}]', () => {
      expect(send([])).to.deep.equal([]);
      expect(send([{}])).to.deep.equal([]);
    });

    it('keeps the stored entries when they are absent, null or unreadable', () => {
      for (const sent of [undefined, null, [{}, {}], [{ ...entry, fieldsV1: { bad: {} } }], 'x', [1]]) {
        expect(send(sent)).to.deep.equal(stored);
      }
      expect(send([{ ...entry, operation: 'Other', fieldsV1: {} }])).to.deep.equal(stored);
      expect(send([{ ...entry, fieldsType: undefined, fieldsV1: {} }])).to.deep.equal(stored);
    });

    it('takes readable ones in canonical form', () => {
      expect(send([{ ...entry, fieldsV1: { 'f:spec': { 'f:replicas': {}, '.': {} } } }])).to.deep.equal([
        { ...entry, fieldsV1: { 'f:spec': { '.': {}, 'f:replicas': {} } } },
      ]);
    });

    it('ignores them on a subresource', () => {
      expect(send([{}], 'status')).to.deep.equal(stored);
    });

    it('does not start tracking an untracked object on update', () => {
      expect(
        updateManagedFields({
          ...context,
          live: widget(),
          updated: widget({ spec: { replicas: 1 } }),
          manager: 'b',
        }),
      ).to.deep.equal([]);
    });
  });

  it('judges entries of another version in that version, and drops those of versions not served', () => {
    const fieldsV1 = { 'f:spec': { 'f:size': {}, 'f:paused': {} } };
    const old = { manager: 'x', operation: 'Update' as const, fieldsType: 'FieldsV1', fieldsV1 };
    const live = widget({
      metadata: {
        managedFields: [
          { ...old, apiVersion: 'demo.io/v1beta1' },
          { ...old, apiVersion: 'demo.io/v1alpha1' },
        ],
      },
      spec: { replicas: 1, paused: true },
    });
    const updated = widget({ spec: { replicas: 2, paused: true } });
    const managedFields = updateManagedFields({
      ...context,
      live,
      updated,
      manager: 'm',
      convert: (object, apiVersion) => {
        if (apiVersion !== 'demo.io/v1beta1') return undefined;
        const { replicas, ...rest } = object['spec'] as Record<string, unknown>;
        return { object: { ...object, apiVersion, spec: { ...rest, size: replicas } }, schema: widgetSchema };
      },
    });
    expect(managedFields.map(({ apiVersion, fieldsV1: set }) => [apiVersion, set])).to.deep.equal([
      ['demo.io/v1beta1', { 'f:spec': { 'f:paused': {} } }],
      [widgetVersion, { 'f:spec': { 'f:replicas': {} } }],
    ]);
  });
});
