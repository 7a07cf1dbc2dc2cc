import { expect } from 'chai';
import { agentKeysAnnotation, agentKeysOf, withAgentKey } from './agent-keys.js';

const at = (hour: number): number => Date.UTC(2026, 0, 1, hour);
const cluster = (text: string) => ({ metadata: { annotations: { [agentKeysAnnotation]: text } } });

describe("the hub's memory of an agent's keys", () => {
  it('is read as it was written, newest first', () => {
    const first = withAgentKey([], { hash: 'sha256:a', issuedAtMs: at(1), notAfterMs: at(9) }) ?? '';
    expect(first).to.equal('sha256:a@2026-01-01T01:00:00Z@2026-01-01T09:00:00Z');
    const second = withAgentKey(agentKeysOf(cluster(first)), { hash: 'sha256:b', issuedAtMs: at(2) }) ?? '';
    expect(agentKeysOf(cluster(second))).to.deep.equal([
      { hash: 'sha256:b', issuedAtMs: at(2) },
      { hash: 'sha256:a', issuedAtMs: at(1), notAfterMs: at(9) },
    ]);
  });

  it('keeps the last four, whatever order they come in', () => {
    let text = '';
    for (const hour of [3, 1, 5, 2, 4]) {
      text =
        withAgentKey(agentKeysOf(cluster(text)), { hash: `sha256:${hour}`, issuedAtMs: at(hour) }) ?? text;
    }
    expect(agentKeysOf(cluster(text)).map(({ hash }) => hash)).to.deep.equal(
      [5, 4, 3, 2].map((n) => `sha256:${n}`),
    );
    expect(withAgentKey(agentKeysOf(cluster(text)), { hash: 'sha256:1', issuedAtMs: at(1) })).to.equal(
      undefined,
    );
  });

  it('says nothing new of a key that it knows', () => {
    const known = [{ hash: 'sha256:a', issuedAtMs: at(1) }];
    expect(withAgentKey(known, { hash: 'sha256:a', issuedAtMs: at(2) })).to.equal(undefined);
  });

  it('leaves out what cannot be read', () => {
    for (const text of ['', 'x', 'sha256:a', 'sha256:a@noon', 'md5:a@2026-01-01T00:00:00Z', ',,@']) {
      expect(agentKeysOf(cluster(text)), text).to.deep.equal([]);
    }
    expect(agentKeysOf({ metadata: {} })).to.deep.equal([]);
    expect(agentKeysOf(cluster('sha256:a@2026-01-01T01:00:00Z@later'))).to.deep.equal([
      { hash: 'sha256:a', issuedAtMs: at(1) },
    ]);
  });
});
