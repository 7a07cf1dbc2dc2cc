import { createServer } from 'node:net';
import { expect } from 'chai';
import { freePort } from './free-port.js';

describe('ports for servers of tests', () => {
  it('are not told twice, and never such as the kernel picks', async () => {
    const ports: number[] = [];
    for (let i = 0; i < 20; i++) ports.push(await freePort());
    expect(new Set(ports).size).to.equal(20);
    expect(Math.min(...ports)).to.be.at.least(10_000);
    expect(Math.max(...ports)).to.be.below(32_000);
  });

  it('are not taken by somebody else', async () => {
    const port = await freePort();
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(port + 1, '127.0.0.1', resolve));
    expect(await freePort()).not.to.equal(port + 1);
    await new Promise((resolve) => server.close(resolve));
  });
});
