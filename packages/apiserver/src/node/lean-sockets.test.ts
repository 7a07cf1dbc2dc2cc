import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer, type TLSSocket } from 'node:tls';
import { createCertificateAuthority } from '@flotilla/kube';
import { createTestEnv } from '@flotilla/kube/testing';
import { expect } from 'chai';
import { dropHandshakeOptions } from './lean-sockets.js';

describe('a TLS socket after its handshake', () => {
  it('keeps its protocol and its connection, and no longer what was offered', async () => {
    const { random } = createTestEnv();
    const ca = createCertificateAuthority({
      ...{ commonName: 'server', validityMs: 3_600_000, nowMs: Date.now(), random },
    });
    const server = createServer({ cert: ca.certificatePem, key: ca.privateKeyPem, ALPNProtocols: ['h2'] });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo; // of a TCP server
    const accepted = once(server, 'secureConnection') as Promise<[TLSSocket]>;
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    const [socket] = await accepted;
    const offered = (): unknown =>
      (socket as TLSSocket & { _tlsOptions?: { ALPNProtocols?: unknown } })._tlsOptions?.ALPNProtocols; // Node's own
    expect(offered(), 'what this Node keeps').to.be.instanceOf(Buffer);
    dropHandshakeOptions(socket);
    expect(offered()).to.equal(undefined);
    expect(socket.alpnProtocol).to.equal('h2');
    socket.pipe(socket);
    client.write('still there');
    const [echo] = await once(client, 'data');
    expect(String(echo)).to.equal('still there');
    client.destroy();
    server.close();
  });

  it('of a Node that keeps nothing is left alone', () => {
    const socket = {} as TLSSocket; // nothing is read of it
    dropHandshakeOptions(socket);
    expect(socket).to.deep.equal({});
  });
});
