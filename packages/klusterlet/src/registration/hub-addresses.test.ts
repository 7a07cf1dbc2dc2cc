import { hubAddressesAnnotation, type ManagedCluster } from '@flotilla/api';
import { createStopController } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { alternativesOf } from '../hub-address.js';
import { createHubAddressesFollower, type HubAddressesOptions, parseHubAddresses } from './hub-addresses.js';

const [a, b, c] = ['https://a.example:6443', 'https://b.example:6443', 'https://c.example'];

describe('following the addresses of the hub', () => {
  let env: TestEnv;
  let own: ManagedCluster;
  let known: readonly string[];
  let saved: (readonly string[])[];
  let isFull: boolean;
  let changed = (): void => undefined;
  const stop = createStopController();
  after(() => stop.abort(new Error('over')));

  beforeEach(() => {
    env = createTestEnv();
    known = [];
    saved = [];
    isFull = false;
  });

  function tell(told: string | undefined, accepted = 'True'): void {
    own = {
      apiVersion: 'cluster.open-cluster-management.io/v1',
      kind: 'ManagedCluster',
      metadata: { name: 'c1', annotations: told === undefined ? {} : { [hubAddressesAnnotation]: told } },
      status: {
        conditions: [
          {
            ...{
              type: 'HubAcceptedManagedCluster',
              status: accepted as 'True',
              reason: 'HubClusterAdminAccepted',
            },
            ...{ message: '', lastTransitionTime: '2026-01-01T00:00:00Z' },
          },
        ],
      },
    };
    changed();
  }

  function start(): void {
    const follower = createHubAddressesFollower({
      clusterName: 'c1',
      env,
      cluster: {
        cache: { get: () => own },
        onChange: (fn: (event: object) => void) => {
          changed = () => fn({ type: 'updated', object: own, old: own });
        },
      } as unknown as HubAddressesOptions['cluster'], // nothing else is asked for
      known: () => known,
      adopt: async (addresses) => {
        if (isFull) throw new Error('no space left');
        saved.push(addresses);
        known = addresses;
      },
    });
    follower.start(stop.signal);
  }

  it('keeps what it is told, once, and what it is told next in its place', async () => {
    start();
    tell(`${a},${b}`);
    await env.clock.advance(1000);
    changed();
    await env.clock.advance(1000);
    expect(saved).to.deep.equal([[a, b]]);
    tell(`${b},${c}`);
    await env.clock.advance(1000);
    expect(saved).to.deep.equal([
      [a, b],
      [b, c],
    ]);
  });

  it('keeps what it has when the hub tells nothing, nothing of use, or denies it', async () => {
    start();
    tell(a);
    await env.clock.advance(1000);
    tell(undefined);
    await env.clock.advance(1000);
    tell('http://a.example,nonsense');
    await env.clock.advance(1000);
    tell(b, 'False');
    await env.clock.advance(1000);
    expect(saved).to.deep.equal([[a]]);
  });

  it('tries again when they could not be saved', async () => {
    start();
    isFull = true;
    tell(a);
    await env.clock.advance(1000);
    expect(known).to.deep.equal([]);
    isFull = false;
    await env.clock.advance(600_000);
    expect(known).to.deep.equal([a]);
  });

  const read: readonly [told: string, addresses: readonly string[]][] = [
    ['', []],
    [`${a}, ${b},${a}`, [a, b]],
    ['https://[::1]:6443/hub', ['https://[::1]:6443/hub']],
    ['http://a.example,https://u:p@a.example,https://a.example?x=y,ftp://a,https://', []],
    [
      Array.from({ length: 20 }, (_, i) => `https://h${i}`).join(','),
      Array.from({ length: 16 }, (_, i) => `https://h${i}`),
    ],
  ];
  for (const [told, addresses] of read) {
    it(`reads ${JSON.stringify(told.slice(0, 60))}`, () => {
      expect(parseHubAddresses(told)).to.deep.equal(addresses);
    });
  }

  it('asks those of the user first, and none twice', () => {
    const config = { hubServer: a, hubAlternatives: [b], hubAdvertised: [a, c, b] };
    expect(alternativesOf(config)).to.deep.equal([b, c]);
    expect(alternativesOf({ hubServer: a, hubAdvertised: [a] })).to.deep.equal([]);
  });
});
