/** A watch as bytes: cut anywhere on its way, whole lines at the end, one order for all readers. */
import { connect as connectHttp2 } from 'node:http2';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { at, text } from '../support/json.js';
import { configMap, configMaps } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import { TestServer } from '../support/server.js';

describe('watch streams', () => {
  const server = new TestServer();
  before(() => server.start());
  after(() => server.stop());

  /** Several bytes for each character, so that a cut may fall into one. */
  const awkward = 'grüße, 世界 \u{1F600} "\\" \u2028 '.repeat(400);
  const writeThree = async (namespace: string) => {
    for (const name of ['a', 'b', 'c']) {
      await server.create(configMaps(namespace), configMap(name, { text: awkward }));
    }
  };
  const expectWhole = (stream: string) => {
    expect(stream.endsWith('\n')).to.equal(true);
    const events = stream
      .slice(0, -1)
      .split('\n')
      .map((line) => JSON.parse(line) as unknown)
      .filter((event) => at(event, 'object.metadata.name') !== 'kube-root-ca.crt');
    expect(events.map((event) => `${at(event, 'type')} ${at(event, 'object.metadata.name')}`)).to.deep.equal([
      'ADDED a',
      'ADDED b',
      'ADDED c',
    ]);
    for (const event of events) expect(at(event, 'object.data.text')).to.equal(awkward);
  };

  it('is whole over HTTP/1.1, in chunks that end with the empty one', async () => {
    const namespace = await server.namespace();
    const { certificate, key } = server.admin;
    const socket = connect({ host: '127.0.0.1', port: server.port, ca: server.ca, cert: certificate, key });
    const bytes: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => bytes.push(chunk));
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    const from = at(await server.read(configMaps(namespace)), 'metadata.resourceVersion');
    socket.write(
      `GET ${configMaps(namespace)}?watch=1&timeoutSeconds=2&resourceVersion=${from} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
    );
    await eventually('the head is sent at once', () => Buffer.concat(bytes).includes('\r\n\r\n'));
    await writeThree(namespace);
    await closed;
    const answer = Buffer.concat(bytes);
    const end = answer.indexOf('\r\n\r\n');
    const head = answer.subarray(0, end).toString().toLowerCase();
    expect(head)
      .to.match(/^http\/1\.1 200/)
      .and.to.contain('transfer-encoding: chunked')
      .and.not.to.contain('content-encoding');
    const { content, isEnded } = unchunked(answer.subarray(end + 4));
    expect(isEnded, 'the last chunk is empty').to.equal(true);
    expectWhole(content.toString());
  });

  it('is whole over HTTP/2 to a client that takes seven bytes at a time', async () => {
    const namespace = await server.namespace();
    const from = at(await server.read(configMaps(namespace)), 'metadata.resourceVersion');
    const { certificate: cert, key } = server.admin;
    const session = connectHttp2(server.url, {
      ca: server.ca,
      cert,
      key,
      settings: { initialWindowSize: 7 },
    });
    const stream = session.request({
      ':path': `${configMaps(namespace)}?watch=1&timeoutSeconds=3&resourceVersion=${from}`,
    });
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    const ended = new Promise<void>((resolve, reject) => {
      stream.once('end', () => resolve());
      stream.once('error', reject);
    });
    await new Promise<void>((resolve) => stream.once('response', () => resolve()));
    await writeThree(namespace);
    await ended;
    session.close();
    expect(Math.max(...chunks.map((chunk) => chunk.length))).to.be.at.most(7);
    expectWhole(Buffer.concat(chunks).toString());
  });

  it('shows every one of a thousand writers to each of a hundred watchers, in one order', async () => {
    const namespace = await server.namespace();
    const from = at(await server.read(configMaps(namespace)), 'metadata.resourceVersion');
    const { certificate: cert, key } = server.admin;
    // As Go clients do: many streams on few connections.
    const sessions = Array.from({ length: 4 }, () => connectHttp2(server.url, { ca: server.ca, cert, key }));
    const path = `${configMaps(namespace)}?watch=1&resourceVersion=${from}`;
    const seen = await Promise.all(
      Array.from({ length: 100 }, async (_, index) => {
        const revisions: number[] = [];
        const stream = sessions[index % sessions.length]?.request({ ':path': path });
        if (stream === undefined) throw new Error('no session');
        let rest = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          const lines = (rest + chunk).split('\n');
          rest = lines.pop() ?? '';
          for (const line of lines) {
            revisions.push(Number(/"resourceVersion":"(\d+)"/.exec(line)?.[1]));
          }
        });
        await new Promise<void>((resolve) => stream.once('response', () => resolve()));
        return revisions;
      }),
    );
    const writer = sessions[0];
    if (writer === undefined) throw new Error('no session');
    const write = (method: string, target: string, body: object, type: string) =>
      new Promise<string>((resolve, reject) => {
        const stream = writer.request({ ':method': method, ':path': target, 'content-type': type });
        let answer = '';
        stream.setEncoding('utf8').on('data', (chunk: string) => {
          answer += chunk;
        });
        stream.once('end', () => resolve(answer));
        stream.once('error', reject);
        stream.end(JSON.stringify(body));
      });
    // A thousand writers, of whom a hundred and fifty are under way at a time: the server lets no more in.
    const written: number[] = [];
    const names = Array.from({ length: 1000 }, (_, index) => `w${index}`);
    const work = async () => {
      for (let name = names.pop(); name !== undefined; name = names.pop()) {
        const made = await write('POST', configMaps(namespace), configMap(name), 'application/json');
        const changed = await write(
          'PATCH',
          configMaps(namespace, name),
          { data: { k: '2' } },
          'application/merge-patch+json',
        );
        for (const answer of [made, changed]) {
          written.push(Number(text(JSON.parse(answer) as unknown, 'metadata.resourceVersion')));
        }
      }
    };
    await Promise.all(Array.from({ length: 150 }, work));
    written.sort((a, b) => a - b);
    expect(new Set(written).size).to.equal(2000);
    await eventually('all have seen all', () =>
      seen.every((revisions) => revisions.length >= written.length),
    );
    for (const session of sessions) session.destroy();
    // What controllers write there, all see as well.
    const wanted = seen[0] ?? [];
    expect(wanted)
      .to.include.members(written)
      .and.to.deep.equal([...wanted].sort((a, b) => a - b));
    for (const revisions of seen) expect(revisions).to.deep.equal(wanted);
  });
});

/** The content of a chunked body, and whether its end was sent. */
function unchunked(body: Buffer): { readonly content: Buffer; readonly isEnded: boolean } {
  const parts: Buffer[] = [];
  for (let position = 0; ; ) {
    const lineEnd = body.indexOf('\r\n', position);
    if (lineEnd < 0) return { content: Buffer.concat(parts), isEnded: false };
    const size = Number.parseInt(body.subarray(position, lineEnd).toString(), 16);
    if (size === 0) return { content: Buffer.concat(parts), isEnded: true };
    const start = lineEnd + 2;
    expect(body.subarray(start + size, start + size + 2).toString()).to.equal('\r\n');
    parts.push(body.subarray(start, start + size));
    position = start + size + 2;
  }
}
