import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import fc from 'fast-check';
import { serverSideApply } from './server-side-apply.js';
import { failureOf, timeOf, WidgetHistory, widget, widgetSchema, widgetVersion } from './testing.js';

const spec = (fields: object): KubeObject => widget({ spec: fields });

describe('serverSideApply', () => {
  it('creates an object that its manager owns field by field', () => {
    const history = new WidgetHistory().apply(
      'me',
      widget({
        metadata: { labels: { a: '1' }, creationTimestamp: null },
        spec: { replicas: 1, containers: [{ name: 'c', image: 'i' }], strategy: {}, limits: { cpu: 1 } },
      }),
    );
    expect(history.owners).to.deep.equal({
      ME: {
        'f:metadata': { 'f:labels': { 'f:a': {} } },
        'f:spec': {
          'f:containers': { 'k:{"name":"c"}': { '.': {}, 'f:image': {}, 'f:name': {} } },
          'f:limits': { 'f:cpu': {} },
          'f:replicas': {},
          'f:strategy': {},
        },
      },
    });
    expect(history.entries[0]).to.include({ operation: 'Apply', time: timeOf(1), apiVersion: widgetVersion });
    expect(history.object?.metadata).not.to.have.property('creationTimestamp');
  });

  it('answers the live object itself when it is applied again', () => {
    const history = new WidgetHistory().apply('me', spec({ replicas: 1, tags: ['a'] }));
    const before = history.object;
    expect(history.apply('me', spec({ replicas: 1, tags: ['a'] })).object).to.equal(before);
  });

  it('shares ownership of equal values without a conflict', () => {
    const history = new WidgetHistory().apply('a', spec({ replicas: 1 })).apply('b', spec({ replicas: 1 }));
    const owned = { 'f:spec': { 'f:replicas': {} } };
    expect(history.owners).to.deep.equal({ A: owned, B: owned });
    history.apply('a', spec({ paused: true }));
    expect(history.spec).to.deep.equal({ replicas: 1, paused: true });
    expect(history.apply('b', spec({})).spec).to.deep.equal({ paused: true });
  });

  it('refuses to change what another manager owns, and names it', () => {
    const history = new WidgetHistory().put('alice', spec({ replicas: 1 }));
    const error = failureOf(() => history.apply('me', spec({ replicas: 2 })));
    expect(error.status).to.deep.include({
      code: 409,
      reason: 'Conflict',
      message: 'Apply failed with 1 conflict: conflict with "alice" using demo.io/v1: .spec.replicas',
      details: {
        causes: [
          {
            reason: 'FieldManagerConflict',
            message: 'conflict with "alice" using demo.io/v1',
            field: '.spec.replicas',
          },
        ],
      },
    });
    history.apply('me', spec({ replicas: 2 }), { force: true });
    expect(history.owners).to.deep.equal({
      ME: { 'f:spec': { 'f:replicas': {} } },
      alice: { 'f:spec': {} },
    });
  });

  it('groups several conflicts by manager', () => {
    const history = new WidgetHistory()
      .apply('zoe', spec({ containers: [{ name: 'c', image: 'i' }], tags: ['x'] }))
      .put(
        'ctl',
        widget({
          spec: { containers: [{ name: 'c', image: 'i' }], tags: ['x'] },
          status: { ready: 1, conditions: [{ type: 'Ready', status: 'True' }] },
        }),
        { subresource: 'status' },
      );
    const error = failureOf(() =>
      history.apply(
        'me',
        widget({
          spec: { containers: [{ name: 'c', image: 'j' }] },
          status: { ready: 2, conditions: [{ type: 'Ready', status: 'False' }] },
        }),
      ),
    );
    expect(error.message).to.equal(
      [
        'Apply failed with 3 conflicts: conflicts with "ctl" with subresource "status" using demo.io/v1:',
        '- .status.conditions[type="Ready"].status',
        '- .status.ready',
        'conflicts with "zoe":',
        '- .spec.containers[name="c"].image',
      ].join('\n'),
    );
    expect(error.status.details?.causes).to.have.length(3);
  });

  const removals: { name: string; other?: [string, object]; from: object; to: object; want: unknown }[] = [
    { name: 'a field', from: { replicas: 1, paused: true }, to: { paused: true }, want: { paused: true } },
    { name: 'everything', from: { replicas: 1 }, to: {}, want: {} },
    {
      name: 'a list item with all that others wrote into it',
      other: ['put', { containers: [{ name: 'c', image: 'i', args: ['x'] }, { name: 'd' }] }],
      from: { containers: [{ name: 'c', image: 'i' }, { name: 'd' }] },
      to: { containers: [{ name: 'd' }] },
      want: { containers: [{ name: 'd' }] },
    },
    {
      name: 'a struct unless another owns a part of it',
      other: ['put', { strategy: { type: 'x', rolling: { surge: 1, down: 2 } } }],
      from: { strategy: { type: 'x', rolling: { surge: 1 } } },
      to: {},
      want: { strategy: { rolling: { down: 2 } } },
    },
    {
      name: 'nothing that another applies as well',
      other: ['apply', { tags: ['a'] }],
      from: { tags: ['a', 'b'] },
      to: { tags: ['c'] },
      want: { tags: ['a', 'c'] },
    },
    {
      name: 'not a map key of another',
      other: ['apply', { limits: { memory: 1 } }],
      from: { limits: { cpu: 1 } },
      to: {},
      want: { limits: { memory: 1 } },
    },
    {
      name: 'an atomic map as a whole',
      from: { selector: { a: '1' }, paused: true },
      to: { paused: true },
      want: { paused: true },
    },
  ];
  for (const { name, other, from, to, want } of removals) {
    it(`removes what its manager gives up: ${name}`, () => {
      const history = new WidgetHistory().apply('me', spec(from));
      if (other?.[0] === 'put') history.put('other', spec(other[1]));
      if (other?.[0] === 'apply') history.apply('other', spec(other[1]));
      expect(history.apply('me', spec(to)).spec).to.deep.equal(want);
    });
  }

  it('never removes metadata with the last label', () => {
    const history = new WidgetHistory().apply('me', widget({ metadata: { labels: { a: '1' } } }));
    history.apply('me', { apiVersion: widgetVersion, kind: 'Widget', metadata: {} });
    expect(history.object).to.deep.equal({ ...widget(), metadata: { name: 'w' } });
  });

  const merges: { name: string; live: object; applied: object; want: object }[] = [
    {
      name: 'items of a map list by key',
      live: { containers: [{ name: 'a', image: '1' }, { name: 'b' }] },
      applied: { containers: [{ name: 'b', args: ['x'] }, { name: 'z' }] },
      want: { containers: [{ name: 'a', image: '1' }, { name: 'b', args: ['x'] }, { name: 'z' }] },
    },
    {
      name: 'the applied order where it is stated',
      live: { tags: ['a', 'b', 'c', 'd'] },
      applied: { tags: ['d', 'x', 'b'] },
      want: { tags: ['a', 'c', 'd', 'x', 'b'] },
    },
    {
      name: 'keys with their defaults',
      live: { containers: [{ name: 'a', ports: [{ containerPort: 80, protocol: 'TCP', name: 'p' }] }] },
      applied: {
        containers: [{ name: 'a', ports: [{ containerPort: 80 }, { containerPort: 80, protocol: 'UDP' }] }],
      },
      want: {
        containers: [
          {
            name: 'a',
            ports: [
              { containerPort: 80, protocol: 'TCP', name: 'p' },
              { containerPort: 80, protocol: 'UDP' },
            ],
          },
        ],
      },
    },
    {
      name: 'maps in unknown regions by key, lists as one value',
      live: { extra: { a: { x: 1 }, list: [1, 2] } },
      applied: { extra: { a: { y: 2 }, list: [3] } },
      want: { extra: { a: { x: 1, y: 2 }, list: [3] } },
    },
    {
      name: 'atomic maps as one value',
      live: { selector: { a: '1' } },
      applied: { selector: { b: '2' } },
      want: { selector: { b: '2' } },
    },
    {
      name: 'a null for a map changes nothing',
      live: { limits: { a: 1 } },
      applied: { limits: null },
      want: { limits: { a: 1 } },
    },
  ];
  for (const { name, live, applied, want } of merges) {
    it(`merges ${name}`, () => {
      const history = new WidgetHistory();
      history.object = spec(live);
      const copy = JSON.stringify(history.object);
      const before = history.object;
      expect(history.apply('me', spec(applied), { force: true }).spec).to.deep.equal(want);
      expect(JSON.stringify(before)).to.equal(copy);
    });
  }

  it('credits what it finds on an untracked object to before-first-apply', () => {
    const history = new WidgetHistory();
    history.object = widget({ spec: { replicas: 1, paused: true }, status: { ready: 1 } });
    history.apply('me', spec({ replicas: 1 }), { resetPaths: ['status'] });
    expect(history.owners).to.deep.equal({
      ME: { 'f:spec': { 'f:replicas': {} } },
      'before-first-apply': { 'f:spec': { '.': {}, 'f:paused': {}, 'f:replicas': {} } },
    });
  });

  it('tracks status through its own endpoint only', () => {
    const history = new WidgetHistory().apply('me', widget({ spec: { replicas: 1 }, status: { ready: 9 } }), {
      resetPaths: ['status'],
    });
    history.apply('me', widget({ status: { ready: 1 } }), {
      subresource: 'status',
      resetPaths: ['metadata', 'spec'],
      force: true,
    });
    expect(history.owners).to.deep.equal({
      ME: { 'f:spec': { 'f:replicas': {} } },
      'ME/status': { 'f:status': { 'f:ready': {} } },
    });
  });

  describe('coming from client-side apply', () => {
    const annotation = 'kubectl.kubernetes.io/last-applied-configuration';
    const first = spec({ replicas: 1, paused: true });
    const created = (): WidgetHistory =>
      new WidgetHistory().put(
        'kubectl-client-side-apply',
        widget({
          metadata: { annotations: { [annotation]: JSON.stringify(first) } },
          spec: { replicas: 1, paused: true },
        }),
      );

    it('takes over what the annotation proves, and rewrites it', () => {
      const history = created().apply('kubectl', spec({ replicas: 2, paused: true }));
      expect(history.spec).to.deep.equal({ replicas: 2, paused: true });
      const annotations = history.object?.metadata.annotations;
      expect(annotations?.[annotation]).to.equal(
        '{"apiVersion":"demo.io/v1","kind":"Widget","metadata":{"name":"w"},"spec":{"paused":true,"replicas":2}}\n',
      );
      const before = history.object;
      expect(history.apply('kubectl', spec({ replicas: 2, paused: true })).object).to.equal(before);
    });

    it('conflicts for another manager, and where the live value has moved on', () => {
      expect(failureOf(() => created().apply('argocd', spec({ replicas: 2 }))).reason).to.equal('Conflict');
      const moved = created();
      moved.put('hpa', { ...(moved.object as KubeObject), spec: { replicas: 5, paused: true } });
      const error = failureOf(() => moved.apply('kubectl', spec({ replicas: 2, paused: false })));
      expect(error.message).to.equal(
        'Apply failed with 1 conflict: conflict with "hpa" using demo.io/v1: .spec.replicas',
      );
    });

    it('gains nothing from an annotation that is no configuration', () => {
      const history = new WidgetHistory().put(
        'x',
        widget({ metadata: { annotations: { [annotation]: '{' } }, spec: { replicas: 1 } }),
      );
      expect(failureOf(() => history.apply('kubectl', spec({ replicas: 2 }))).code).to.equal(409);
    });
  });

  const invalid: { name: string; applied: KubeObject; text: string }[] = [
    {
      name: 'another version',
      applied: { ...widget(), apiVersion: 'demo.io/v2' },
      text: 'Incorrect version specified in apply patch. Specified patch version: demo.io/v2, expected: demo.io/v1',
    },
    {
      name: 'managedFields',
      applied: widget({ metadata: { managedFields: [] } }),
      text: 'metadata.managedFields must be nil',
    },
    {
      name: 'an item named twice',
      applied: spec({ containers: [{ name: 'c', env: [{ name: 'A' }, { name: 'A' }] }] }),
      text: 'failed to create typed patch object: .spec.containers[name="c"].env: duplicate entries for key [name="A"]',
    },
    {
      name: 'a set member named twice',
      applied: spec({ tags: ['a', 'a'] }),
      text: 'failed to create typed patch object: .spec.tags: duplicate entries for key [="a"]',
    },
    {
      name: 'an item without keys',
      applied: spec({ containers: [{ image: 'i' }] }),
      text: 'failed to create typed patch object: .spec.containers: element 0: associative list with keys has an element that omits all key fields ["name"] (and doesn\'t have default values for any key fields)',
    },
  ];
  for (const { name, applied, text } of invalid) {
    it(`refuses ${name}`, () => {
      const error = failureOf(() => new WidgetHistory().apply('me', applied));
      expect([error.code, error.message]).to.deep.equal([400, text]);
    });
  }

  const name = fc.constantFrom('a', 'b', 'c', 'd');
  const items = <T>(value: fc.Arbitrary<T>) =>
    fc.uniqueArray(fc.record({ name, value }), { selector: (item) => item.name, maxLength: 4 });
  const anySpec = fc.record(
    {
      replicas: fc.nat(2),
      limits: fc.dictionary(name, fc.nat(2)),
      tags: fc.uniqueArray(name),
      selector: fc.dictionary(name, name),
      containers: items(fc.nat(2)).map((list) =>
        list.map((item) => ({ name: item.name, image: `${item.value}` })),
      ),
      extra: fc.dictionary(name, fc.oneof(fc.nat(2), fc.dictionary(name, fc.nat(2)), fc.constant(null))),
    },
    { requiredKeys: [] },
  );

  it('is idempotent, and leaves every applied field as it was applied', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.constantFrom('x', 'y', 'z'), anySpec, fc.boolean()), {
          minLength: 1,
          maxLength: 6,
        }),
        (steps) => {
          const history = new WidgetHistory();
          for (const [manager, fields, update] of steps) {
            if (update && history.object) history.put(manager, { ...history.object, spec: fields });
            else history.apply(manager, spec(fields), { force: true });
          }
          const [manager, fields] = steps.at(-1) ?? ['x', {}];
          history.apply(manager, spec(fields), { force: true });
          const before = history.object;
          const again = serverSideApply({
            live: before,
            applied: spec(fields),
            schema: widgetSchema,
            manager,
            force: false,
            apiVersion: widgetVersion,
            nowMs: 0,
          });
          expect(again.changed).to.equal(false);
          expect(again.object).to.equal(before);
        },
      ),
    );
  });

  it('applying nothing takes back all that one manager applied', () => {
    fc.assert(
      fc.property(anySpec, anySpec, (mine, theirs) => {
        const alone = new WidgetHistory().apply('them', spec(theirs));
        // Who applies an empty list of items alone owns nothing: the next one finds an object that nobody has an account of.
        fc.pre(Object.keys(alone.owners).length > 0);
        const both = new WidgetHistory().apply('them', spec(theirs)).apply('me', spec(mine), { force: true });
        both.apply('them', spec(theirs), { force: true });
        both.apply('me', widget());
        expect(Object.keys(both.owners)).to.deep.equal(Object.keys(alone.owners));
        expect(both.owners).to.deep.equal(alone.owners);
      }),
    );
  });
});
