import { createStopController, parseCertificate } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { ensureServerPki, type ServerPki } from '../server/server-pki.js';
import { createLivePki } from './live-pki.js';

const hourMs = 3_600_000;

async function setUp() {
  const env = createTestEnv();
  const stop = createStopController();
  const state = { loads: 0, dnsNames: ['hub'], failing: false };
  const load = (): Promise<ServerPki> => {
    state.loads += 1;
    if (state.failing) return Promise.reject(new Error('no such disk'));
    const { dnsNames } = state;
    return ensureServerPki({
      ...{ env, directory: '/pki', caName: 'hub', dnsNames, ipAddresses: [] },
      servingLifeMs: 10 * hourMs,
    });
  };
  const live = await createLivePki({ env, load, signal: stop.signal });
  const changes: ServerPki[] = [];
  live.onChange((before) => changes.push(before));
  const end = (): number => parseCertificate(live.current.servingCertificate).notAfterMs;
  return { env, stop, state, live, changes, end };
}

describe('the certificates of a running server', () => {
  it('are made again before they end, again and again, and each time it is told what was before', async () => {
    const { env, live, changes, end, stop } = await setUp();
    const first = live.current;
    for (let hour = 0; hour < 30; hour++) {
      await env.clock.advance(hourMs);
      expect(end()).to.be.greaterThan(env.clock.now());
    }
    expect(changes.length).to.be.within(3, 5);
    expect(changes[0]?.servingCertificate).to.equal(first.servingCertificate);
    expect(changes[1]?.servingCertificate).not.to.equal(first.servingCertificate);
    expect(live.current.ca.certificatePem).to.equal(first.ca.certificatePem);
    stop.abort(new Error('over'));
  });

  it('are looked at when it is asked for, and nobody is told when they are the same', async () => {
    const { state, live, changes, stop } = await setUp();
    await live.refresh();
    expect(changes).to.deep.equal([]);
    state.dnsNames = ['hub', 'hub.example'];
    await Promise.all([live.refresh(), live.refresh()]);
    expect(changes).to.have.length(1);
    expect(parseCertificate(live.current.servingCertificate).dnsNames).to.deep.equal(['hub', 'hub.example']);
    stop.abort(new Error('over'));
  });

  it('stay as they are when they cannot be made, which is told and tried again', async () => {
    const { env, state, live, end, stop } = await setUp();
    const [first, firstEnd] = [live.current, end()];
    state.failing = true;
    expect(String(await live.refresh().catch((error: unknown) => error))).to.equal('Error: no such disk');
    await env.clock.advance(firstEnd - env.clock.now() - 60_000);
    expect(live.current).to.equal(first);
    const complaints = env.log.find('the certificates of the server could not be renewed').length;
    expect(complaints).to.be.within(60, 300); // of two hours: once a minute, more often towards the end
    state.failing = false;
    await env.clock.advance(60_000);
    expect(end()).to.be.greaterThan(firstEnd);
    stop.abort(new Error('over'));
  });

  it('are not looked at after the end', async () => {
    const { env, state, changes, stop } = await setUp();
    stop.abort(new Error('over'));
    const { loads } = state;
    await env.clock.advance(100 * hourMs);
    expect([state.loads, changes]).to.deep.equal([loads, []]);
    expect(env.clock.pending).to.equal(0);
  });
});
