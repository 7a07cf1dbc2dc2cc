/**
 * What each identity of registration may do on the hub: every verb on every kind of object, its own, another cluster's
 * and the hub's, asked of a `hub serve` process over TLS, with certificates and tokens as the hub hands them out. The
 * table says what is allowed; everything else has to be refused.
 */
import { clusterNameLabel, equal, type KubeObject } from '@flotilla/api';
import { wellKnown } from '@flotilla/kube';
import { expect } from 'chai';
import { clusterKind, csr, type Kind, kinds, pathOf, workKind } from './access-kinds.js';
import { allowed } from './access-table.js';
import { AccessWorld, homeOf, type Identity, identities } from './access-world.js';

const verbs = ['get', 'list', 'watch', 'create', 'update', 'patch', 'delete', 'deletecollection'] as const;
type Verb = (typeof verbs)[number];

describe('the access matrix of registration', () => {
  const world = new AccessWorld();
  before(() => world.start());
  after(() => world.close());

  async function attempt(user: Identity, verb: Verb, kind: Kind, of: string): Promise<number> {
    const { ref, key, object, subresource, select } = kind;
    const at = key(of);
    const one = `${pathOf(ref, at)}${subresource === undefined ? '' : `/${subresource}`}`;
    const many = pathOf(ref, at.namespace === undefined ? {} : { namespace: at.namespace });
    const selector = select?.(of) ?? '';
    const dry = 'dryRun=All';
    const live = async (): Promise<object> =>
      JSON.parse((await world.ask('admin', { method: 'GET', path: pathOf(ref, at) })).text) as object;
    switch (verb) {
      case 'get':
        return (await world.ask(user, { method: 'GET', path: one })).status;
      case 'list':
        return (await world.ask(user, { method: 'GET', path: `${many}?${selector}` })).status;
      case 'watch':
        return (await world.ask(user, { method: 'GET', path: `${many}?watch=true&${selector}` })).status;
      case 'create':
        return (await world.ask(user, { method: 'POST', path: `${many}?${dry}`, body: object(at, of) }))
          .status;
      case 'update':
        return (await world.ask(user, { method: 'PUT', path: `${one}?${dry}`, body: await live() })).status;
      case 'patch':
        return (
          await world.ask(user, {
            method: 'PATCH',
            path: `${one}?${dry}`,
            body: {},
            contentType: 'application/merge-patch+json',
          })
        ).status;
      case 'delete':
        return (await world.ask(user, { method: 'DELETE', path: `${one}?${dry}` })).status;
      case 'deletecollection':
        return (await world.ask(user, { method: 'DELETE', path: `${many}?${dry}&${selector}` })).status;
    }
  }

  for (const identity of identities) {
    const home = homeOf(identity);
    for (const kind of kinds) {
      const what = kind.ref.resource + (kind.subresource === undefined ? '' : `.${kind.subresource}`);
      for (const scope of kind.scopes) {
        const granted = (allowed[identity][`${what}/${scope}`] ?? '')
          .split(' ')
          .filter((verb) => verb !== '');
        it(`${identity}: ${what} of ${scope}: ${granted.join(' ') || 'nothing'}`, async () => {
          const of = scope === 'home' ? home : scope === 'foreign' ? 'other' : 'hub';
          const asked = verbs.filter(
            (verb) => kind.subresource === undefined || ['get', 'update', 'patch'].includes(verb),
          );
          const done = await Promise.all(
            asked.map(async (verb) => {
              const status = await attempt(identity, verb, kind, of);
              if (identity === 'removed') {
                expect(status, `${verb}: its certificate is revoked`).to.equal(401);
                return [];
              }
              // 409: it is there already, which only somebody is told who may make it.
              expect(status, `${verb}`).to.be.oneOf([200, 201, 403, 409]);
              return status === 403 ? [] : [verb];
            }),
          );
          expect(done.flat()).to.have.members(granted);
        });
      }
    }
  }

  describe('what an agent may change of its own', () => {
    interface Change {
      readonly what: string;
      readonly kind: Kind;
      readonly change: (object: KubeObject) => KubeObject;
      readonly isAllowed: boolean;
    }
    const spec = (part: object) => (object: KubeObject) => ({
      ...object,
      spec: { ...(object['spec'] as object), ...part },
    });
    const meta = (part: object) => (object: KubeObject) => ({
      ...object,
      metadata: { ...object.metadata, ...part },
    });
    const condition = (type: string) => (object: KubeObject) => {
      const status = (object['status'] ?? {}) as { conditions?: readonly { type: string }[] }; // metav1.Conditions
      const added = {
        type,
        status: 'False',
        reason: 'Forged',
        message: '',
        lastTransitionTime: '2026-01-01T00:00:00Z',
      };
      const others = (status.conditions ?? []).filter((one) => one.type !== type);
      return { ...object, status: { ...status, conditions: [...others, added] } };
    };
    const clusterStatus: Kind = { ...clusterKind, subresource: 'status' };
    const leaseKind = kinds.find(({ ref }) => ref === wellKnown.leases) ?? clusterKind;
    const taint = { key: 'k', effect: 'NoSelect' };
    const changes: readonly Change[] = [
      {
        what: 'how its cluster is reached',
        kind: clusterKind,
        change: spec({ managedClusterClientConfigs: [{ url: 'https://c.example' }] }),
        isAllowed: true,
      },
      {
        what: 'its own annotations',
        kind: clusterKind,
        change: (object) =>
          meta({
            annotations: { ...object.metadata.annotations, 'agent.open-cluster-management.io/x': 'y' },
          })(object),
        isAllowed: true,
      },
      {
        what: 'the annotation of its keys',
        kind: clusterKind,
        change: (object) => {
          const { 'flotilla.dev/agent-keys': keys, ...annotations } = object.metadata.annotations ?? {};
          expect(keys).to.match(/^sha256:/);
          return meta({ annotations })(object);
        },
        isAllowed: false,
      },
      {
        what: 'its acceptance',
        kind: clusterKind,
        change: spec({ hubAcceptsClient: false }),
        isAllowed: false,
      },
      { what: 'its taints', kind: clusterKind, change: spec({ taints: [taint] }), isAllowed: false },
      {
        what: 'its lease time',
        kind: clusterKind,
        change: spec({ leaseDurationSeconds: 9999 }),
        isAllowed: false,
      },
      { what: 'its labels', kind: clusterKind, change: meta({ labels: { env: 'prod' } }), isAllowed: false },
      { what: 'its finalizers', kind: clusterKind, change: meta({ finalizers: [] }), isAllowed: false },
      {
        what: 'its availability',
        kind: clusterStatus,
        change: condition('ManagedClusterConditionAvailable'),
        isAllowed: true,
      },
      {
        what: 'the word of the hub about it',
        kind: clusterStatus,
        change: condition('HubAcceptedManagedCluster'),
        isAllowed: false,
      },
      {
        what: 'the clock of the hub',
        kind: clusterStatus,
        change: condition('ManagedClusterConditionClockSynced'),
        isAllowed: false,
      },
      {
        what: 'the warning of its certificate',
        kind: clusterStatus,
        change: condition('CertificateExpiring'),
        isAllowed: false,
      },
      {
        what: 'the finalizer of a work',
        kind: workKind,
        change: meta({ finalizers: ['cluster.open-cluster-management.io/manifest-work-cleanup'] }),
        isAllowed: true,
      },
      {
        what: 'another finalizer',
        kind: workKind,
        change: meta({ finalizers: ['x.example/y'] }),
        isAllowed: false,
      },
      {
        what: 'a work',
        kind: workKind,
        change: spec({ deleteOption: { propagationPolicy: 'Orphan' } }),
        isAllowed: false,
      },
      {
        what: 'the labels of a work',
        kind: workKind,
        change: meta({ labels: { a: 'b' } }),
        isAllowed: false,
      },
      {
        what: 'its heartbeat',
        kind: leaseKind,
        change: spec({ renewTime: '2026-01-01T00:00:00.000000Z' }),
        isAllowed: true,
      },
      {
        what: 'whose heartbeat it is',
        kind: leaseKind,
        change: spec({ holderIdentity: 'x' }),
        isAllowed: false,
      },
    ];
    for (const { what, kind, change, isAllowed } of changes) {
      it(`${isAllowed ? 'may' : 'may not'}: ${what}`, async () => {
        const path = pathOf(kind.ref, kind.key('own'));
        const live = JSON.parse((await world.ask('admin', { method: 'GET', path })).text) as KubeObject;
        const changed = change(live);
        expect(equal(changed, live)).to.equal(false);
        const at = `${path}${kind.subresource === undefined ? '' : `/${kind.subresource}`}?dryRun=All`;
        const { status, text } = await world.ask('agent', { method: 'PUT', path: at, body: changed });
        expect(status, text).to.equal(isAllowed ? 200 : 403);
        if (!isAllowed) expect(text).to.contain('the agent of a managed cluster may not change');
      });
    }

    const asked: readonly [string, (object: KubeObject) => KubeObject, boolean][] = [
      ['its own certificate', (object) => object, true],
      ['one with the label of another cluster', meta({ labels: { [clusterNameLabel]: 'other' } }), false],
      ['one without a label', meta({ labels: {} }), false],
      [
        'one of another cluster with its own label',
        (object) => ({ ...csr({ name: 'x' }, 'other'), metadata: object.metadata }),
        false,
      ],
      [
        "one of another cluster as an add-on's",
        (object) => ({
          ...csr({ name: 'x' }, 'other'),
          metadata: {
            ...object.metadata,
            labels: { [clusterNameLabel]: 'own', 'open-cluster-management.io/addon-name': 'a' },
          },
        }),
        false,
      ],
    ];
    for (const [what, change, isAllowed] of asked) {
      it(`${isAllowed ? 'may' : 'may not'} ask for ${what}`, async () => {
        const path = `${pathOf(wellKnown.certificateSigningRequests, {})}?dryRun=All`;
        const body = change(csr({ name: 'own-asked' }, 'own'));
        const { status, text } = await world.ask('agent', { method: 'POST', path, body });
        expect(status, text).to.equal(isAllowed ? 201 : 403);
      });
    }
  });
});
