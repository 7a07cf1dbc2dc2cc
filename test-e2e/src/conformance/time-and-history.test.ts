/** What takes minutes: pages of a history that is compacted meanwhile, bookmarks, informers that reconnect. */

import { wellKnown } from '@flotilla/kube';
import { CoreV1Api, KubeConfig, ListWatch, type V1ConfigMap, Watch } from '@kubernetes/client-node';
import { expect } from 'chai';
import { EmbeddedServer } from '../support/embedded-server.js';
import { at, each, text } from '../support/json.js';
import { eventually, run } from '../support/processes.js';

const configMaps = '/api/v1/namespaces/ns/configmaps';

describe('time and history', () => {
  let server: EmbeddedServer;
  beforeEach(async () => {
    server = await EmbeddedServer.start();
  });
  afterEach(() => server.close());

  const read = async (path: string) => (await fetch(server.url + path)).json() as Promise<unknown>;

  it('gives an expired page a token by which the list goes on, and kubectl says so', async () => {
    for (const name of ['a', 'b', 'c', 'd']) await server.createConfigMap(name);
    const first = await read(`${configMaps}?limit=2`);
    await server.forget();
    const expired = await fetch(
      `${server.url}${configMaps}?limit=2&continue=${encodeURIComponent(text(first, 'metadata.continue'))}`,
    );
    expect(expired.status).to.equal(410);
    const status: unknown = await expired.json();
    expect(status).to.deep.include({ kind: 'Status', reason: 'Expired', code: 410 });
    const names: unknown[] = [];
    for (let token = text(status, 'metadata.continue'); token !== ''; ) {
      const page = await read(`${configMaps}?limit=2&continue=${encodeURIComponent(token)}`);
      names.push(...each(page, 'metadata.name'));
      token = String(at(page, 'metadata.continue') ?? '');
    }
    expect(names).to.deep.equal(['c', 'd', 'forgotten-1', 'forgotten-2']);
    let pages = 0;
    server.onRequest = async (target) => {
      if (target.includes('continue=')) pages += 1;
      if (pages === 1 && target.includes('continue=')) await server.forget();
    };
    const kubectl = (...args: string[]) =>
      run('kubectl', ['--kubeconfig', server.kubeconfig(), '-n', 'ns', ...args]);
    const listed = await kubectl('get', 'configmaps', '--chunk-size=1', '-o', 'name');
    // It shows what it has, and says why it has no more.
    expect(listed.stderr).to.match(
      /^Error from server \(Expired\): The provided continue parameter is too old/,
    );
    expect(pages).to.equal(1);
    const whole = await kubectl('get', 'configmaps', '--chunk-size=1', '-o', 'name');
    expect(whole.stdout.match(/configmap\/[abcd]\n/g), whole.stderr).to.have.length(4);
  });

  it('sends a bookmark each minute and before the end of a quiet watch, always as new as the server', async () => {
    const watch = await fetch(
      `${server.url}${configMaps}?watch=1&allowWatchBookmarks=true&timeoutSeconds=200`,
    );
    const lines = linesOf(watch);
    const revisions: number[] = [];
    const nextBookmark = async () => {
      const line: unknown = JSON.parse((await lines.next()).value ?? 'null');
      expect(at(line, 'type')).to.equal('BOOKMARK');
      expect(at(line, 'object.kind')).to.equal('ConfigMap');
      revisions.push(Number(at(line, 'object.metadata.resourceVersion')));
    };
    for (let minute = 0; minute < 3; minute++) {
      const made = await server.client.create(wellKnown.secrets, secret(`s${minute}`));
      await server.env.clock.advance(61_000);
      await nextBookmark();
      expect(revisions.at(-1)).to.be.at.least(Number(text(made, 'metadata.resourceVersion')));
    }
    await server.client.create(wellKnown.secrets, secret('last'));
    await server.env.clock.advance(20_000);
    await nextBookmark();
    expect((await lines.next()).done).to.equal(true);
    expect(revisions).to.deep.equal([...revisions].sort((a, b) => a - b));
  });

  it('keeps an informer of client-node true over ten minutes of reconnects and compactions', async () => {
    const config = new KubeConfig();
    config.loadFromFile(server.kubeconfig());
    const api = config.makeApiClient(CoreV1Api);
    const watch = new Watch(config);
    Object.assign(watch, { requestTimeoutMs: 150 }); // its 30 seconds, shortened
    const list = async () => {
      lists += 1;
      return api.listNamespacedConfigMap({ namespace: 'ns' });
    };
    let lists = 0;
    let watches = 0;
    let isCut = false;
    server.onRequest = async (target) => {
      if (!target.includes('watch=true')) return;
      watches += 1;
      await eventually('the way is free', () => !isCut);
    };
    const informer = new ListWatch<V1ConfigMap>(configMaps, watch, list, false);
    const failures: unknown[] = [];
    informer.on('error', (error: unknown) => void failures.push(error));
    await informer.start();
    const seen = () =>
      informer
        .list('ns')
        .map(({ metadata, data }) => `${metadata?.name}=${data?.['n']}`)
        .sort();
    for (let round = 0; round < 20; round++) {
      await server.createConfigMap(`c${round}`, { n: String(round) });
      if (round % 5 === 4) {
        // While it cannot reach the server, history goes on, and is forgotten.
        const before = watches;
        isCut = true;
        await eventually('its watch has ended', () => watches > before);
        await server.forget();
        isCut = false;
      } else await server.env.clock.advance(30_000);
      const stored = await read(configMaps);
      const wanted = each(stored, 'metadata.name').map(
        (name, index) => `${name}=${at(stored, `items.${index}.data.n`)}`,
      );
      await eventually(
        `round ${round} is seen`,
        () => JSON.stringify(seen()) === JSON.stringify(wanted.sort()),
      );
    }
    const before = watches;
    await eventually('it has reconnected', () => watches > before + 2);
    await informer.stop();
    expect(failures).to.deep.equal([]);
    expect(lists, 'one at the start, and one for each that was forgotten').to.equal(5);
  });
});

function secret(name: string) {
  return { apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'ns' } };
}

async function* linesOf(response: Response): AsyncGenerator<string, undefined> {
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const lines = (rest + Buffer.from(chunk).toString()).split('\n');
    rest = lines.pop() ?? '';
    yield* lines;
  }
  return undefined;
}
