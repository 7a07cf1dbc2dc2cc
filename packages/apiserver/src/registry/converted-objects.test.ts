import type { KubeObject } from '@flotilla/api';
import { expect } from 'chai';
import { testDefinition } from '../handlers/testing/handler-test-kit.js';
import type { Revision } from '../storage/store.js';
import type { CachedObject } from '../watch-cache/types.js';
import { inVersion, newConversionError, objectInVersion, storedForm } from './converted-objects.js';
import type { ResourceDefinition } from './resource.js';
import { viewJson, viewObject } from './versions.js';

class TestConverter {
  readonly calls: (readonly [string, readonly string[]])[] = [];
  failure: Error | undefined;

  async convert(objects: readonly KubeObject[], apiVersion: string): Promise<readonly KubeObject[]> {
    this.calls.push([apiVersion, objects.map(({ metadata }) => metadata.name ?? '')]);
    await Promise.resolve();
    if (this.failure !== undefined) throw this.failure;
    return objects.map((object) => ({ ...object, apiVersion, spec: { made: 'by webhook', unknown: 1 } }));
  }
}

function cached(name: string, version = 'v1'): CachedObject {
  const object = { apiVersion: `demo.io/${version}`, kind: 'Widget', metadata: { name }, spec: {} };
  return {
    key: name,
    namespace: '',
    name,
    revision: 1n as Revision,
    object,
    json: Buffer.from(JSON.stringify(object)),
  };
}

describe('objects converted by a webhook', () => {
  let converter: TestConverter;
  let v2: ResourceDefinition;
  beforeEach(() => {
    converter = new TestConverter();
    v2 = testDefinition({
      group: 'demo.io',
      version: 'v2',
      resource: 'widgets',
      kind: 'Widget',
      origin: 'crd',
      storageVersion: 'v1',
      convertThrough: converter,
      schema: {
        type: 'object',
        properties: {
          spec: {
            type: 'object',
            properties: { made: { type: 'string' }, extra: { type: 'string', default: 'd' } },
          },
        },
      },
    });
  });

  it('pass through at once where no webhook converts', () => {
    const { convertThrough: _, ...plain } = v2;
    const items = [cached('a')];
    expect(inVersion(plain, items)).to.equal(items);
    expect(objectInVersion(plain, cached('a'))).not.to.be.instanceOf(Promise);
    expect(storedForm(plain, cached('a', 'v2').object)).not.to.be.instanceOf(Promise);
  });

  it('are asked for in one call, pruned and defaulted; those of the version are not sent', async () => {
    const items = [cached('a'), cached('b', 'v2'), cached('c')];
    const shown = await inVersion(v2, items);
    expect(converter.calls).to.deep.equal([['demo.io/v2', ['a', 'c']]]);
    expect(shown.map((item) => viewObject(v2, item)['spec'])).to.deep.equal([
      { made: 'by webhook', extra: 'd' },
      { extra: 'd' },
      { made: 'by webhook', extra: 'd' },
    ]);
    const [first] = shown;
    expect(first === undefined ? '' : JSON.parse(viewJson(v2, first).toString())).to.deep.equal({
      apiVersion: 'demo.io/v2',
      kind: 'Widget',
      metadata: { name: 'a' },
      spec: { made: 'by webhook', extra: 'd' },
    });
  });

  it('are converted once, also for many who ask at the same time', async () => {
    const item = cached('a');
    const [first, second] = await Promise.all([inVersion(v2, [item]), inVersion(v2, [item, cached('b')])]);
    const [third] = await inVersion(v2, [item]);
    expect(converter.calls).to.deep.equal([
      ['demo.io/v2', ['a']],
      ['demo.io/v2', ['b']],
    ]);
    expect([second[0], third]).to.deep.equal([first[0], first[0]]);
    // Another definition, as after a change of the CRD, starts anew.
    await inVersion({ ...v2 }, [item]);
    expect(converter.calls).to.have.length(3);
  });

  it('are asked for again after a failure', async () => {
    const item = cached('a');
    converter.failure = newConversionError('no');
    const outcome = await Promise.resolve(inVersion(v2, [item])).then(
      () => 'converted',
      (error: unknown) => (error as Error).message,
    );
    expect(outcome).to.equal('no');
    converter.failure = undefined;
    expect(await inVersion(v2, [item])).to.have.length(1);
  });

  it('of a long list come in several calls, in order', async () => {
    const items = Array.from({ length: 2500 }, (_, index) => cached(`o${index}`));
    const shown = await inVersion(v2, items);
    expect(converter.calls.map(([, names]) => names.length)).to.deep.equal([1000, 1000, 500]);
    expect(shown.map(({ name }) => name)).to.deep.equal(items.map(({ name }) => name));
  });

  it('go back to the version in which they are stored', async () => {
    const stored = await storedForm(v2, cached('a', 'v2').object);
    expect(stored.apiVersion).to.equal('demo.io/v1');
    expect(converter.calls).to.deep.equal([['demo.io/v1', ['a']]]);
  });
});
