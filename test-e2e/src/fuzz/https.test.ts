/**
 * Fuzzed requests through the real process, TLS and HTTP, with the recorded bodies of kubectl among the damaged ones:
 * none may be answered with a failure of the server's own, none may end the process.
 * FUZZ_RUNS=n sends more, FUZZ_SEED=n the same again.
 */
import { Agent, request as httpsRequest } from 'node:https';
import { expect } from 'chai';
import fc from 'fast-check';
import { readFixtures } from '../recorded/fixture-file.js';
import { crdPath, widgetCrd } from '../support/objects.js';
import { TestServer } from '../support/server.js';
import { type FuzzRequest, fuzzNamespace } from './fuzz-parts.js';
import { fuzzRequests } from './fuzz-requests.js';
import { isLate } from './fuzz-server.js';

const runs = Number(process.env['FUZZ_RUNS'] ?? 1000);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 2 ** 31);
/** What a watch has sent by then is enough to judge it. */
const watchMs = 20;

describe('fuzzed requests over HTTPS', () => {
  const server = new TestServer();
  let agent = new Agent();
  before(async () => {
    await server.start();
    const { certificate: cert, key } = server.admin;
    agent = new Agent({ keepAlive: true, ca: server.ca, cert, key });
    await server.create('/api/v1/namespaces', {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: { name: fuzzNamespace },
    });
    await server.create(crdPath, widgetCrd('widgets'));
  });
  after(async () => {
    agent.destroy();
    await server.stop();
  });

  /** The status, and the body as far as it was sent in time. */
  const send = ({ method, target, headers, body }: FuzzRequest) =>
    new Promise<{ readonly status: number; readonly text: string }>((resolve, reject) => {
      const { upgrade: _, connection: _connection, ...plain } = headers; // upgrades have tests of their own
      const options = {
        method,
        host: '127.0.0.1',
        port: server.port,
        path: encodeURI(decoded(target)),
        agent,
      };
      const outgoing = httpsRequest(
        { ...options, headers: { ...plain, ...(body.length > 0 && { 'content-length': body.length }) } },
        (incoming) => {
          let text = '';
          const done = () => resolve({ status: incoming.statusCode ?? 0, text });
          const timer = target.includes('watch') ? setTimeout(() => incoming.destroy(), watchMs) : undefined;
          incoming.setEncoding('utf8').on('data', (chunk: string) => {
            text += chunk;
          });
          incoming.once('error', done);
          incoming.once('close', () => {
            clearTimeout(timer);
            done();
          });
        },
      );
      outgoing.once('error', reject);
      outgoing.end(body);
    });

  it(`are answered with no 5xx, and the server stays (${runs} requests, seed ${seed})`, async function () {
    this.timeout(60_000 + runs * 50);
    const recorded = readFixtures()
      .flatMap(({ sequences }) => sequences.flatMap(({ requests }) => requests))
      .flatMap(({ base64 }) => (base64 === undefined ? [] : [Buffer.from(base64, 'base64')]));
    expect(recorded.length).to.be.greaterThan(10);
    await fc.assert(
      fc.asyncProperty(fuzzRequests(recorded), async (request) => {
        const { status, text } = await send(request);
        if (status >= 500 && !(status === 504 && isLate(text)))
          throw new Error(`${status} ${text.slice(0, 500)}`);
      }),
      { numRuns: runs, seed },
    );
    expect((await server.get('/readyz')).text).to.equal('ok');
    expect((await server.get('/metrics')).status).to.equal(200);
  });
});

/** Node sends what is a legal path only: of others, what it stands for. */
function decoded(target: string): string {
  try {
    return decodeURI(target);
  } catch {
    return target; // with a percent sign that stands for nothing
  }
}
