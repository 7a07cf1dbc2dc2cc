import { expect } from 'chai';
import fc from 'fast-check';
import type { Channel } from '../channel.js';
import { createChannelPair } from '../channel-pair.js';
import { SpdyConnection, type SpdyLimits, type SpdyStream } from './connection.js';
import {
  controlFrame,
  controlType,
  dataFrameHead,
  FrameReader,
  rstStreamFrame,
  synStreamFrame,
} from './frames.js';
import { HeaderCompressor } from './header-block.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function settled(): Promise<void> {
  for (let i = 0; i < 20; i++) await settle();
}

/** What comes out of a channel, as it comes. */
function collect(channel: Channel) {
  const state = { text: '', bytes: 0, ended: false, closed: false, reason: undefined as Error | undefined };
  channel.listen({
    onData: (chunk) => {
      state.text += Buffer.from(chunk).toString('latin1');
      state.bytes += chunk.length;
    },
    onEnd: () => {
      state.ended = true;
    },
    onClose: (reason) => {
      state.closed = true;
      state.reason = reason;
    },
  });
  return state;
}

function connect(limits: Partial<SpdyLimits> = {}) {
  const [left, right] = createChannelPair();
  const accepted: SpdyStream[] = [];
  const closed: (Error | undefined)[] = [];
  const server = new SpdyConnection(right, {
    role: 'server',
    onStream: (stream) => {
      stream.accept();
      accepted.push(stream);
    },
    onClose: (reason) => closed.push(reason),
    limits,
  });
  const client = new SpdyConnection(left, { role: 'client', onClose: (reason) => closed.push(reason) });
  return { client, server, accepted, closed };
}

describe('SPDY connection', () => {
  it('carries streams both ways, each with its headers and its own end', async () => {
    const { client, accepted } = connect();
    const first = client.open(
      new Map([
        ['streamtype', 'data'],
        ['port', '80'],
      ]),
    );
    const second = client.open(new Map([['streamtype', 'error']]));
    const answer = collect(first);
    first.write(Buffer.from('question'));
    first.end();
    await settled();
    expect(accepted.map(({ headers }) => headers.get('streamtype'))).to.deep.equal(['data', 'error']);
    const asked = collect(accepted[0] as SpdyStream);
    await settled();
    expect(asked).to.include({ text: 'question', ended: true, closed: false });
    accepted[0]?.write(Buffer.from('answer'));
    accepted[0]?.end();
    await settled();
    expect(answer).to.include({ text: 'answer', ended: true, closed: true, reason: undefined });
    expect(client.streamCount).to.equal(1);
    second.destroy();
    await settled();
    expect(client.streamCount).to.equal(0);
  });

  it('resets one stream and lets the others go on', async () => {
    const { client, accepted } = connect();
    const [bad, good] = [client.open(new Map()), client.open(new Map())];
    await settled();
    const lost = collect(accepted[0] as SpdyStream);
    const kept = collect(accepted[1] as SpdyStream);
    bad.destroy();
    good.write(Buffer.from('still here'));
    await settled();
    expect(lost.closed).to.equal(true);
    expect(lost.reason).to.be.instanceOf(Error);
    expect(kept.text).to.equal('still here');
  });

  it('makes a fast writer wait for a slow reader, in bounded memory', async () => {
    const { client, accepted } = connect({ maxUnreadBytes: 100_000 });
    const stream = client.open(new Map());
    await settled();
    const reader = accepted[0] as SpdyStream;
    reader.pause();
    const read = collect(reader);
    const chunk = Buffer.alloc(10_000);
    let written = 0;
    let isWaiting = false;
    const write = (): void => {
      isWaiting = false;
      while (written < 3_000_000 && !isWaiting) {
        written += chunk.length;
        isWaiting = !stream.write(chunk);
      }
    };
    stream.listen({ onData: () => undefined, onDrain: write });
    write();
    await settled();
    expect(written).to.be.lessThan(400_000);
    expect(read.bytes).to.equal(0);
    reader.resume();
    for (let i = 0; i < 200 && read.bytes < 3_000_000; i++) await settled();
    expect(read.bytes).to.equal(3_000_000);
  });

  it('ends when it is asked to and its last stream has ended', async () => {
    const { client, accepted, closed } = connect();
    const stream = client.open(new Map());
    await settled();
    client.close();
    await settled();
    expect(closed).to.deep.equal([]);
    accepted[0]?.end();
    stream.end();
    await settled();
    expect(closed).to.deep.equal([undefined, undefined]);
    expect(() => client.open(new Map())).to.throw('ending');
  });

  it('tells its streams when the connection is lost', async () => {
    const { client, accepted } = connect();
    client.open(new Map());
    await settled();
    const seen = collect(accepted[0] as SpdyStream);
    client.destroy(new Error('cut'));
    await settled();
    expect(seen.closed).to.equal(true);
    expect(seen.reason?.message).to.equal('cut');
  });

  it('refuses more streams than it may have, and ids that go backwards', async () => {
    const [near, far] = createChannelPair();
    new SpdyConnection(far, {
      role: 'server',
      onStream: (stream) => stream.accept(),
      limits: { maxStreams: 2 },
    });
    const resets: string[] = [];
    const reader = new FrameReader({
      onControl: ({ type, payload }) => {
        if (type === controlType.rstStream)
          resets.push(`${payload.readUInt32BE(0)}:${payload.readUInt32BE(4)}`);
      },
      onData: () => undefined,
    });
    near.listen({ onData: (chunk) => reader.push(chunk) });
    const compressor = new HeaderCompressor();
    for (const streamId of [1, 3, 5, 3, 8]) {
      near.write(synStreamFrame({ streamId, headerBlock: compressor.compress(new Map()), flags: 0 }));
    }
    await settled();
    expect(resets).to.deep.equal(['5:3', '3:1', '8:1']);
  });

  it('answers pings of the peer, and sends window updates for what was read', async () => {
    const [near, far] = createChannelPair();
    new SpdyConnection(far, {
      role: 'server',
      onStream: (stream) => {
        stream.accept();
        collect(stream);
      },
    });
    const frames: string[] = [];
    const reader = new FrameReader({
      onControl: ({ type, payload }) => frames.push(`${type}:${payload.toString('hex')}`),
      onData: () => undefined,
    });
    near.listen({ onData: (chunk) => reader.push(chunk) });
    const headerBlock = new HeaderCompressor().compress(new Map());
    near.write(synStreamFrame({ streamId: 1, headerBlock, flags: 0 }));
    near.write(controlFrame(controlType.ping, Buffer.from('00000005', 'hex')));
    near.write(Buffer.concat([dataFrameHead(1, 40_000), Buffer.alloc(40_000)]));
    await settled();
    expect(frames).to.include('6:00000005');
    expect(frames).to.include(`9:00000001${(40_000).toString(16).padStart(8, '0')}`);
  });

  it('survives whatever bytes come, cut anywhere, and stops reading what nobody takes', async () => {
    const compressor = new HeaderCompressor();
    const start = synStreamFrame({
      streamId: 1,
      headerBlock: compressor.compress(new Map([['a', 'b']])),
      flags: 0,
    });
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 64 }),
      fc.constant(new Uint8Array(start)),
      fc
        .tuple(
          fc.integer({ min: 1, max: 12 }),
          fc.uint8Array({ maxLength: 40 }),
          fc.integer({ min: 0, max: 3 }),
        )
        .map(([type, payload, flags]) => new Uint8Array(controlFrame(type, payload, flags))),
      fc
        .uint8Array({ maxLength: 100 })
        .map((bytes) => Buffer.concat([dataFrameHead(1, bytes.length), bytes])),
      fc.constant(new Uint8Array(rstStreamFrame(1, 5))),
    );
    await fc.assert(
      fc.asyncProperty(
        fc.array(piece, { maxLength: 12 }),
        fc.integer({ min: 1, max: 50 }),
        async (pieces, cut) => {
          const [near, far] = createChannelPair();
          const connection = new SpdyConnection(far, {
            role: 'server',
            onStream: (stream) => stream.accept(), // and nobody listens
          });
          collect(near);
          const bytes = Buffer.concat([start, ...pieces]);
          for (let at = 0; at < bytes.length; at += cut) near.write(bytes.subarray(at, at + cut));
          await settle();
          expect(connection.streamCount).to.be.lessThan(1000);
          near.destroy();
          await settle();
          expect(connection.isClosed).to.equal(true);
        },
      ),
      { numRuns: 150 },
    );
  });
});
