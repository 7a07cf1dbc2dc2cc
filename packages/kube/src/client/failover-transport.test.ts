import { expect } from 'chai';
import { createFailoverTransport } from './failover-transport.js';
import { type Transport, TransportError, type TransportHop } from './transport.js';

interface Fake extends Transport {
  fails: TransportHop | undefined;
  readonly asked: string[];
  isClosed: boolean;
}

function fake(name: string): Fake {
  const transport: Fake = {
    fails: undefined,
    asked: [],
    isClosed: false,
    request: async ({ method, path }) => {
      transport.asked.push(`${method} ${path}`);
      if (transport.fails !== undefined) throw new TransportError(transport.fails, `${name} is away`);
      return {
        status: 200,
        headers: { name },
        bytes: async () => new Uint8Array(),
        chunks: async function* () {},
      };
    },
    close: async () => {
      transport.isClosed = true;
    },
  };
  return transport;
}

async function failure(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

describe('a transport to several servers', () => {
  let a: Fake;
  let b: Fake;
  let both: Transport;
  beforeEach(() => {
    [a, b] = [fake('a'), fake('b')];
    both = createFailoverTransport([a, b]);
  });

  const send = async (method: 'GET' | 'POST'): Promise<string | undefined> =>
    (await both.request({ method, path: '/' })).headers['name'];

  it('stays with one while that answers, and with the next after it failed', async () => {
    expect([await send('GET'), await send('POST')]).to.deep.equal(['a', 'a']);
    a.fails = 'tcp';
    expect([await send('POST'), await send('GET')]).to.deep.equal(['b', 'b']);
    a.fails = undefined;
    expect(await send('GET')).to.equal('b');
    b.fails = 'closed';
    expect(await send('GET')).to.equal('a');
  });

  it('repeats no write that may have arrived, and sends the next one elsewhere', async () => {
    a.fails = 'closed';
    expect(await failure(send('POST')))
      .to.be.instanceOf(TransportError)
      .with.property('hop', 'closed');
    expect(b.asked).to.deep.equal([]);
    expect(await send('POST')).to.equal('b');
  });

  it('asks each once when none can be reached', async () => {
    [a.fails, b.fails] = ['tcp', 'dns'];
    expect(await failure(send('GET'))).to.be.instanceOf(TransportError);
    expect([a.asked.length, b.asked.length]).to.deep.equal([1, 1]);
  });

  it('does not take an abort for a failure of the server', async () => {
    a.fails = 'closed';
    const aborted = both.request({ method: 'GET', path: '/', signal: AbortSignal.abort() });
    expect(await failure(aborted)).to.be.instanceOf(TransportError);
    a.fails = undefined;
    expect(await send('GET')).to.equal('a');
  });

  it('asks those that it is told of meanwhile, and no longer those that are gone from the list', async () => {
    let list: readonly [Transport, ...Transport[]] = [a];
    const changing = createFailoverTransport(() => list);
    const ask = async () => (await changing.request({ method: 'GET', path: '/' })).headers['name'];
    expect(await ask()).to.equal('a');
    a.fails = 'tcp';
    expect(await failure(ask())).to.be.instanceOf(TransportError);
    list = [a, b];
    expect(await ask()).to.equal('b');
    a.fails = undefined;
    expect(await ask()).to.equal('b');
    list = [a];
    expect(await ask()).to.equal('a');
  });

  it('closes all', async () => {
    await both.close();
    expect([a.isClosed, b.isClosed]).to.deep.equal([true, true]);
  });
});
