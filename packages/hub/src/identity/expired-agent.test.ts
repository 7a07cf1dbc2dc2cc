import { expect } from 'chai';
import {
  expiredAgentKeyExtra,
  expiredAgentUser,
  parseExpiredAgent,
  renewableForMs,
} from './expired-agent.js';

describe('an agent whose certificate has expired', () => {
  const notAfterMs = Date.UTC(2026, 0, 1);
  const certificate = (commonName: string) => ({
    subject: { commonName },
    notAfterMs,
    publicKeyHash: 'sha256:ab',
  });
  const agent = certificate('system:open-cluster-management:c1:a1');

  it('is a user of its own, who is in no group that everybody is in', () => {
    const user = expiredAgentUser(agent, notAfterMs + 1);
    expect(user?.groups).to.deep.equal(['flotilla:expired-agents', 'system:unauthenticated']);
    expect(user?.extra[expiredAgentKeyExtra]).to.deep.equal(['sha256:ab']);
    expect(parseExpiredAgent(user?.username ?? '')).to.deep.equal({ cluster: 'c1', agent: 'a1' });
  });

  it('is that for a year', () => {
    expect(expiredAgentUser(agent, notAfterMs + renewableForMs)).not.to.equal(undefined);
    expect(expiredAgentUser(agent, notAfterMs + renewableForMs + 1)).to.equal(undefined);
  });

  it('is nobody else', () => {
    for (const name of ['', 'kubernetes-admin', 'system:open-cluster-management:c1', 'system:node:c1:a1']) {
      expect(expiredAgentUser(certificate(name), notAfterMs + 1), name).to.equal(undefined);
    }
    for (const name of [
      '',
      'flotilla:expired-agent:',
      'flotilla:expired-agent:c1',
      'flotilla:expired-agent:c1:a:b',
      'c1:a1',
    ]) {
      expect(parseExpiredAgent(name), name).to.equal(undefined);
    }
  });
});
