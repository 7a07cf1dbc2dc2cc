import { newForbidden } from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { expect } from 'chai';
import { NamespaceQuestion } from './namespace-question.js';

const { signal } = new AbortController();

/** A hub that answers each question when it is told to. */
function hub() {
  const pending: {
    readonly kind: string;
    readonly answer: (deletionTimestamp?: string) => void;
    fail(): void;
  }[] = [];
  const client = {
    get: (ref: { resource: string }) =>
      new Promise((resolve, reject) => {
        pending.push({
          kind: ref.resource,
          answer: (deletionTimestamp) => resolve({ metadata: { deletionTimestamp } }),
          fail: () => reject(newForbidden({ group: '', resource: ref.resource, name: 'c1' }, 'no rights')),
        });
      }),
  } as unknown as KubeClient; // no more of it is used
  return { pending, question: new NamespaceQuestion({ hub: client, clusterName: 'c1' }) };
}
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('the question why works go', () => {
  it('is answered only by what was asked after it came up', async () => {
    const { pending, question } = hub();
    const first = question.ask(signal);
    const cameUp = question.begun;
    pending[0]?.answer();
    expect(await first).to.equal(false);
    expect(question.isWipedAfter(0)).to.equal(false);
    expect(question.isWipedAfter(cameUp)).to.equal(undefined);
    const second = question.ask(signal);
    pending[1]?.answer('2026-01-01T00:00:00Z');
    await settle();
    expect(pending[2]?.kind).to.equal('managedclusters');
    pending[2]?.answer();
    expect(await second).to.equal(true);
    expect(question.isWipedAfter(cameUp)).to.equal(true);
  });

  it('is not answered by an older one that comes late', async () => {
    const { pending, question } = hub();
    const late = question.ask(signal);
    const early = question.ask(signal);
    pending[1]?.answer('2026-01-01T00:00:00Z');
    await settle();
    pending[2]?.answer();
    await early;
    pending[0]?.answer();
    expect(await late).to.equal(false);
    expect(question.isWiped).to.equal(true);
  });

  it('trusts a hub that does not let us look', async () => {
    const { pending, question } = hub();
    const asked = question.ask(signal);
    pending[0]?.fail();
    expect(await asked).to.equal(false);
  });
});
