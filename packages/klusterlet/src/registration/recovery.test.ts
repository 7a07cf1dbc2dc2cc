import { newForbidden, newNotFound, newUnauthorized } from '@flotilla/api';
import { createStopController, type KubeClient, TransportError } from '@flotilla/kube';
import { createTestEnv, type TestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { proveKnown, type Remedy, recoverCredentials, refusalOf } from './recovery.js';
import { KlusterletState } from './state.js';

const clusters = { group: 'cluster.open-cluster-management.io', resource: 'managedclusters', name: 'c1' };
const expiredThere = newForbidden(clusters, 'User "flotilla:expired-agent:c1:a1" cannot get resource');

describe("what the hub's refusal says of a certificate", () => {
  const cases = [
    ['a 401 is about it', newUnauthorized('Unauthorized: the hub revoked it'), 'the hub revoked it'],
    ['a 403 to an expired agent, too', expiredThere, 'by its clock the certificate has expired'],
    ['another 403 is not', newForbidden(clusters, 'not accepted'), undefined],
    ['a 404 is not', newNotFound(clusters), undefined],
    ['a hub that is away says nothing', new TransportError('tcp', 'refused'), undefined],
    ['nor does a defect', new TypeError('x'), undefined],
  ] as const;
  for (const [name, error, words] of cases) {
    it(name, () => expect(refusalOf(error)).to.equal(words));
  }

  it('is proved by any answer that is about rights only', async () => {
    const answering = (error: unknown): KubeClient =>
      ({
        get: () => (error === undefined ? Promise.resolve({}) : Promise.reject(error)),
      }) as unknown as KubeClient;
    for (const error of [undefined, newForbidden(clusters, 'no'), newNotFound(clusters)])
      await proveKnown(answering(error), 'c1');
    for (const error of [newUnauthorized('no'), expiredThere, new TransportError('tcp', 'away')]) {
      const thrown = await proveKnown(answering(error), 'c1').catch((caught: unknown) => caught);
      expect(thrown).to.equal(error);
    }
  });
});

describe('recovering credentials', () => {
  const credentials = { certificatePem: 'certificate', privateKeyPem: 'key' };
  let env: TestEnv;
  let state: KlusterletState;
  beforeEach(() => {
    env = createTestEnv();
    state = new KlusterletState(env.files, '/data');
  });

  function start(remedies: readonly Remedy[]) {
    const stop = createStopController();
    const options = {
      env,
      state,
      remedies,
      problem: 'it is lost',
      advice: 'join again',
      signal: stop.signal,
    };
    return { stop, done: recoverCredentials(options) };
  }

  it('tries the remedies in their order, and takes the first that helps', async () => {
    const asked: string[] = [];
    const remedy = (name: string, answer?: typeof credentials): Remedy => ({
      name,
      attempt: async () => {
        asked.push(name);
        return answer;
      },
    });
    const { done } = start([remedy('one'), remedy('two', credentials), remedy('three', credentials)]);
    expect(await done).to.equal(credentials);
    expect(asked).to.deep.equal(['one', 'two']);
    expect(await state.readProblem()).to.equal(undefined);
  });

  it('says why, since when and what each remedy met, once for each reason, until one helps', async () => {
    let word = 'the hub is away';
    let attempts = 0;
    const flaky: Remedy = {
      name: 'asking',
      attempt: async () => {
        attempts++;
        if (word !== '') throw new Error(word);
        return credentials;
      },
    };
    const since = new Date(env.clock.now()).toISOString().slice(0, 19);
    const { done } = start([flaky]);
    await env.clock.advance(120_000);
    expect(attempts).to.be.greaterThan(3);
    const first = await state.readProblem();
    expect(first?.why).to.equal('it is lost; asking: the hub is away');
    expect(first?.since).to.contain(since);
    word = 'it is denied';
    await env.clock.advance(60_000);
    expect(await state.readProblem()).to.deep.equal({
      since: first?.since,
      why: 'it is lost; asking: it is denied',
    });
    word = '';
    await env.clock.advance(90_000);
    expect(await done).to.equal(credentials);
  });

  it('gives its advice when nothing is left to ask with, and ends with its signal', async () => {
    const { stop, done } = start([{ name: 'none', attempt: async () => undefined }]);
    await env.clock.advance(1000);
    expect((await state.readProblem())?.why).to.equal('it is lost; join again');
    stop.abort(new Error('stopped'));
    await env.clock.advance(1);
    expect(await done).to.equal(undefined);
  });
});
