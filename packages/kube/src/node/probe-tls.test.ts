import { X509Certificate } from 'node:crypto';
import { expect } from 'chai';
import type { TransportError } from '../client/transport.js';
import { createNodeClock } from './clock.js';
import { probeTls } from './probe-tls.js';
import { createTestCa, issueTestCertificate, startTestServer } from './test-server.js';

describe('probing a TLS server', () => {
  const clock = createNodeClock();
  const ca = createTestCa('pinned CA');
  const leaf = issueTestCertificate(ca);

  it('returns the chain that the server presents, although nothing is trusted', async () => {
    const requests: string[] = [];
    const server = await startTestServer({
      protocol: 'h2',
      certificate: { cert: leaf.cert + ca.certificatePem, key: leaf.key },
      handler: (request) => requests.push(request.url ?? ''),
    });
    try {
      const probe = await probeTls({ host: '127.0.0.1', port: server.port, clock });
      const names = probe.certificates.map((der) => new X509Certificate(der).subject);
      expect(names).to.deep.equal(['CN=localhost', 'CN=pinned CA']);
      expect(probe.alpnProtocol).to.equal('h2');
      expect(probe.tlsVersion).to.equal('TLSv1.3');
      const expected = new X509Certificate(leaf.cert).fingerprint256.replaceAll(':', '').toLowerCase();
      expect(probe.leafSha256).to.equal(expected);
      expect(requests).to.deep.equal([]);
    } finally {
      await server.close();
    }
  });

  it('says so when the port speaks no TLS', async () => {
    const server = await startTestServer({ protocol: 'http', handler: () => undefined });
    try {
      await probeTls({ host: 'localhost', port: server.port, clock });
      expect.fail('no error');
    } catch (error) {
      expect((error as TransportError).hop).to.equal('tls');
    } finally {
      await server.close();
    }
  });
});
