import { expect } from 'chai';
import { joinChannels } from './channel.js';
import { createChannelPair } from './channel-pair.js';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('channel pair', () => {
  it('delivers in order, later than the call, and ends each direction by itself', async () => {
    const [left, right] = createChannelPair();
    const seen: string[] = [];
    right.listen({
      onData: (chunk) => seen.push(Buffer.from(chunk).toString()),
      onEnd: () => seen.push('end'),
      onClose: (reason) => seen.push(`close ${reason}`),
    });
    left.write(Buffer.from('a'));
    left.write(Buffer.from('b'));
    left.end();
    expect(seen).to.deep.equal([]);
    await settle();
    expect(seen).to.deep.equal(['a', 'b', 'end']);
    right.end();
    await settle();
    expect(seen.at(-1)).to.equal('close undefined');
  });

  it('keeps what comes before there is a listener, and tells a writer to wait until it is read', async () => {
    const [left, right] = createChannelPair({ maxBufferedBytes: 10 });
    let drained = 0;
    left.listen({
      onData: () => undefined,
      onDrain: () => {
        drained++;
      },
    });
    expect(left.write(Buffer.alloc(9))).to.equal(true);
    expect(left.write(Buffer.alloc(9))).to.equal(false);
    await settle();
    expect(drained).to.equal(0);
    let bytes = 0;
    right.listen({
      onData: (chunk) => {
        bytes += chunk.length;
      },
    });
    await settle();
    expect(bytes).to.equal(18);
    expect(drained).to.equal(1);
  });

  it('holds back while it is paused', async () => {
    const [left, right] = createChannelPair();
    const seen: string[] = [];
    right.listen({
      onData: (chunk) => {
        seen.push(Buffer.from(chunk).toString());
        right.pause();
      },
      onEnd: () => seen.push('end'),
    });
    for (const text of ['a', 'b']) left.write(Buffer.from(text));
    left.end();
    await settle();
    expect(seen).to.deep.equal(['a']);
    right.resume();
    await settle();
    right.resume();
    await settle();
    expect(seen).to.deep.equal(['a', 'b', 'end']);
  });

  it('tells the reason of a cut to both ends, once', async () => {
    const [left, right] = createChannelPair();
    const reasons: string[] = [];
    left.listen({ onData: () => undefined, onClose: (reason) => reasons.push(`left ${reason?.message}`) });
    right.listen({ onData: () => undefined, onClose: (reason) => reasons.push(`right ${reason?.message}`) });
    left.destroy(new Error('cut'));
    right.destroy(new Error('again'));
    await settle();
    expect(reasons.sort()).to.deep.equal(['left cut', 'right again']);
  });

  it('joined with another carries everything through, at the pace of the reader', async () => {
    const [source, one] = createChannelPair({ maxBufferedBytes: 1000 });
    const [other, sink] = createChannelPair({ maxBufferedBytes: 1000 });
    joinChannels(one, other);
    let bytes = 0;
    let ended = false;
    sink.pause();
    sink.listen({
      onData: (chunk) => {
        bytes += chunk.length;
      },
      onEnd: () => {
        ended = true;
      },
    });
    let written = 0;
    const write = (): void => {
      while (written < 100_000) {
        written += 500;
        if (!source.write(Buffer.alloc(500))) return;
      }
      source.end();
    };
    source.listen({ onData: () => undefined, onDrain: write });
    write();
    await settle();
    expect(written).to.be.lessThan(10_000);
    sink.resume();
    for (let i = 0; i < 500 && !ended; i++) await settle();
    expect(bytes).to.equal(100_000);
    expect(ended).to.equal(true);
  });
});
