import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { newConversionError } from '../registry/converted-objects.js';
import { viewObject } from '../registry/versions.js';
import type { Revision } from '../storage/store.js';
import type {
  CachedObject,
  CacheEvent,
  CacheEventType,
  CacheWatch,
  WatchSink,
} from '../watch-cache/types.js';
import { openConvertingWatch } from './converting-watch.js';
import { testDefinition } from './testing/handler-test-kit.js';

const apiVersion = 'demo.io/v2';

/** Conversions that end when the test says so. */
class Gate {
  readonly waiting: (() => void)[] = [];
  failure: Error | undefined;

  convert(objects: readonly KubeObject[], version: string): Promise<readonly KubeObject[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push(() => {
        if (this.failure === undefined)
          resolve(objects.map((object) => ({ ...object, apiVersion: version })));
        else reject(this.failure);
      });
    });
  }

  async open(): Promise<void> {
    this.waiting.shift()?.();
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
}

function event(revision: number, type: CacheEventType, value = '', version = 'v1'): CacheEvent {
  const metadata = { name: 'a', resourceVersion: String(revision) };
  const object: CachedObject = {
    key: 'a',
    namespace: '',
    name: 'a',
    revision: BigInt(revision) as Revision,
    object: { apiVersion: `demo.io/${version}`, kind: 'Widget', metadata, spec: { value } },
    json: Buffer.alloc(0),
  };
  const made: CacheEvent = {
    type,
    object,
    revision: object.revision,
    encode: (_, build) => build(made),
  };
  return made;
}

class Peer implements WatchSink {
  readonly seen: string[] = [];
  takesMore = true;

  onEvents(events: readonly CacheEvent[]): boolean {
    for (const { type, object, revision } of events) {
      const view = viewObject(definition, object);
      this.seen.push(`${type} ${revision} ${view.apiVersion === apiVersion}`);
    }
    return this.takesMore;
  }

  onEnd(reason: string): void {
    this.seen.push(reason);
  }

  onFailure(error: unknown): void {
    this.seen.push((error as Error).message);
  }
}

const gate = { current: new Gate() };
const definition = testDefinition({
  group: 'demo.io',
  version: 'v2',
  resource: 'widgets',
  kind: 'Widget',
  origin: 'crd',
  storageVersion: 'v1',
  convertThrough: { convert: (objects, version) => gate.current.convert(objects, version) },
  schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
});

function start(selectShown?: (object: CachedObject) => boolean) {
  gate.current = new Gate();
  const peer = new Peer();
  const source = {
    resumed: 0,
    paused: 0,
    closed: false as boolean,
    deliveredRevision: 9n as Revision,
    resume: () => {
      source.resumed += 1;
    },
    pause: () => {
      source.paused += 1;
    },
    close: () => {
      source.closed = true;
    },
  } satisfies CacheWatch & { resumed: number; paused: number; closed: boolean };
  let sink: WatchSink | undefined;
  const watch = openConvertingWatch({ definition, selectShown, sink: peer }, (given) => {
    sink = given;
    return source;
  });
  if (sink === undefined) throw new Error('the cache was not watched');
  return { peer, source, sink, watch, gate: gate.current };
}

describe('converting watch', () => {
  it('passes events on when they are converted, and lets the next ones come then', async () => {
    const { peer, source, sink, watch, gate: webhook } = start();
    expect(sink.onEvents([event(5, 'ADDED'), event(6, 'MODIFIED')])).to.equal(false);
    // A drain of the peer meanwhile must not bring later events before these; nor a bookmark promise them.
    watch.resume();
    expect([peer.seen, source.resumed, watch.deliveredRevision]).to.deep.equal([[], 0, 4n]);
    await webhook.open();
    expect(peer.seen).to.deep.equal(['ADDED 5 true', 'MODIFIED 6 true']);
    expect([source.resumed, watch.deliveredRevision]).to.deep.equal([1, 9n]);
  });

  it('waits for a peer that is full', async () => {
    const { peer, source, sink, watch, gate: webhook } = start();
    peer.takesMore = false;
    sink.onEvents([event(5, 'ADDED')]);
    await webhook.open();
    expect(source.resumed).to.equal(0);
    watch.resume();
    expect(source.resumed).to.equal(1);
  });

  it('waits for a peer that was full before, also with what it has converted meanwhile', async () => {
    const { peer, source, sink, watch, gate: webhook } = start();
    watch.pause();
    expect(source.paused).to.equal(1);
    sink.onEvents([event(5, 'ADDED')]);
    watch.pause();
    await webhook.open();
    expect([peer.seen, source.paused, source.resumed, watch.deliveredRevision]).to.deep.equal([[], 1, 0, 4n]);
    watch.resume();
    expect([peer.seen, source.resumed, watch.deliveredRevision]).to.deep.equal([['ADDED 5 true'], 1, 9n]);
  });

  it('passes events of the version on at once', () => {
    const { peer, sink } = start();
    expect(sink.onEvents([event(5, 'ADDED', '', 'v2')])).to.equal(true);
    expect(peer.seen).to.deep.equal(['ADDED 5 true']);
  });

  it('ends with the failure of the webhook', async () => {
    const { peer, source, sink, gate: webhook } = start();
    webhook.failure = newConversionError('no idea how');
    sink.onEvents([event(5, 'ADDED')]);
    await webhook.open();
    expect([peer.seen, source.closed]).to.deep.equal([['no idea how'], true]);
  });

  it('delivers nothing after it was closed', async () => {
    const { peer, sink, watch, gate: webhook } = start();
    sink.onEvents([event(5, 'ADDED')]);
    watch.close();
    await webhook.open();
    sink.onEnd('closed');
    expect(peer.seen).to.deep.equal([]);
  });

  it('selects by what only the converted object tells', async () => {
    const {
      peer,
      sink,
      gate: webhook,
    } = start(({ object }) => (object['spec'] as { value: string }).value === 'x');
    sink.onEvents([
      event(1, 'ADDED', 'y'),
      event(2, 'ADDED', 'x'),
      event(3, 'MODIFIED', 'x'),
      event(4, 'MODIFIED', 'y'),
    ]);
    await webhook.open();
    expect(peer.seen).to.deep.equal(['ADDED 2 true', 'MODIFIED 3 true', 'DELETED 4 true']);
  });
});
