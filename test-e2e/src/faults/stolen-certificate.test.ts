/**
 * A stolen certificate of an agent (copied out of its data directory) tries every path that the hub's discovery names
 * with every verb, in its own namespace, another cluster's and the hub's; connects to what it may not; and says that it
 * is somebody else. Only its own opens (P5), by the table of the access matrix, which tries single objects in detail.
 */
import { readFileSync } from 'node:fs';
import { type ClientHttp2Session, connect as connectHttp2 } from 'node:http2';
import { request } from 'node:https';
import { join } from 'node:path';
import { clusterNameLabel, type KubeObject } from '@flotilla/api';
import { loadKubeconfig } from '@flotilla/kube';
import { expect } from 'chai';
import { allowed } from '../identity/access-table.js';
import { configMap, Fleet, must, work } from '../support/fleet.js';

interface Resource {
  readonly name: string;
  readonly namespaced: boolean;
  readonly kind: string;
  readonly verbs: readonly string[];
}

interface Attempt {
  readonly verb: string;
  readonly method: string;
  readonly path: string;
  /** As the table has it: resource/scope. */
  readonly entry: string;
  readonly body?: object;
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

const own = 'own';
const other = 'other';
const dry = 'dryRun=All';
const requests = 'certificatesigningrequests';
/** What everybody may ask about themselves (Kubernetes' system:basic-user), and learns nothing by. */
const aboutOneself = /^(selfsubjectaccessreviews|selfsubjectrulesreviews|selfsubjectreviews)\//;

describe('a stolen certificate of an agent', function () {
  this.timeout(240_000);
  const fleet = new Fleet();
  /** The names of the certificate requests that are there, by cluster. */
  const requestOf = new Map<string, string>();
  let session: ClientHttp2Session;
  let thief: { ca: string; cert: string; key: string };

  before(async () => {
    await fleet.startHub();
    for (const name of [own, other]) {
      const cluster = await fleet.startCluster(name);
      await fleet.join(cluster);
      await fleet.apply(work(cluster, 'w', [configMap('w', { v: '1' })]));
      await fleet.workApplied(cluster, 'w');
    }
    const listed = await fleet.hubGet<{ items: readonly KubeObject[] }>(requests);
    for (const { metadata } of listed.items) {
      requestOf.set(metadata.labels?.[clusterNameLabel] ?? '', metadata.name ?? '');
    }
    expect([...requestOf.keys()]).to.have.members([own, other]);
    const secret = { apiVersion: 'v1', kind: 'Secret', metadata: { name: 'w', namespace: own } };
    await fleet.apply(secret, { ...secret, metadata: { name: 'w', namespace: other } });
    const [victim] = fleet.clusters;
    const read = (name: string): string => readFileSync(join(victim?.dataDir ?? '', 'hub', name), 'utf8');
    const { cluster } = loadKubeconfig(readFileSync(fleet.hubKubeconfig, 'utf8'));
    thief = { ca: cluster.caData ?? '', cert: read('tls.crt'), key: read('tls.key') };
    session = connectHttp2(`https://127.0.0.1:${fleet.hubPort}`, thief);
  });
  after(async () => {
    session?.destroy();
    await fleet.close();
  });

  /** The head is enough of a watch. */
  function ask(
    method: string,
    path: string,
    {
      body,
      headers = {},
    }: { readonly body?: object; readonly headers?: Readonly<Record<string, string>> } = {},
  ): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const type = method === 'PATCH' ? 'application/merge-patch+json' : 'application/json';
      const stream = session.request(
        { ':method': method, ':path': path, 'content-type': type, ...headers },
        { endStream: body === undefined },
      );
      let status = 0;
      let text = '';
      stream.setEncoding('utf8');
      stream.on('response', (answer) => {
        status = Number(answer[':status']);
        if (status === 200 && path.includes('watch=true')) stream.close();
      });
      stream.on('data', (chunk: string) => {
        text += chunk;
      });
      stream.once('error', reject);
      stream.once('close', () => resolve({ status, text }));
      if (body !== undefined) stream.end(JSON.stringify(body));
    });
  }

  const fetch = async <T>(path: string): Promise<T> => {
    const { status, text } = await ask('GET', path);
    expect(status, path).to.equal(200);
    return JSON.parse(text) as T;
  };

  /** Each resource that the hub names, with its group and version's path. */
  async function discover(): Promise<readonly { readonly base: string; readonly resource: Resource }[]> {
    const { groups } = await fetch<{ groups: { versions: { groupVersion: string }[] }[] }>('/apis');
    const bases = [
      '/api/v1',
      ...groups.flatMap(({ versions }) => versions.map((one) => `/apis/${one.groupVersion}`)),
    ];
    const lists = bases.map(async (base) => {
      const { resources } = await fetch<{ resources: Resource[] }>(base);
      return resources.map((resource) => ({ base, resource }));
    });
    return (await Promise.all(lists)).flat();
  }

  function attemptsOn(base: string, { name: full, namespaced, kind }: Resource): readonly Attempt[] {
    const [plural = '', subresource] = full.split('/');
    const apiVersion = base.replace(/^\/apis?\//, '');
    const scopes: readonly (readonly [string, string, string])[] = namespaced
      ? [own, other, 'kube-system', 'default'].map((at) => [
          at,
          `${base}/namespaces/${at}/${plural}`,
          nameOf(plural),
        ])
      : [own, other, 'hub'].map((at) => [
          at,
          `${base}/${plural}`,
          plural === requests ? (requestOf.get(at) ?? at) : at,
        ]);
    const made = scopes.flatMap(([at, many, name]) => {
      const scope = at === own ? 'home' : at === other ? 'foreign' : 'hub';
      if (plural === requests && scope === 'hub') return []; // each is some cluster's
      const entry = `${subresource === undefined ? plural : `${plural}.${subresource}`}/${scope}`;
      const body = { apiVersion, kind, metadata: { name, ...(namespaced && { namespace: at }) } };
      const one = `${many}/${name}${subresource === undefined ? '' : `/${subresource}`}`;
      const on = (verb: string, method: string, path: string): Attempt => ({
        verb,
        method,
        path,
        entry,
        body,
      });
      const single = [
        on('get', 'GET', one),
        on('update', 'PUT', `${one}?${dry}`),
        on('patch', 'PATCH', `${one}?${dry}`),
        on(subresource === undefined ? 'delete' : 'subresource-delete', 'DELETE', `${one}?${dry}`),
      ];
      if (subresource !== undefined) return [...single, on('connect', 'POST', `${one}?${dry}`)];
      // By itself a list of what has no namespace is of everybody's.
      const narrow = namespaced ? '' : `&fieldSelector=metadata.name%3D${name}`;
      return [
        ...single,
        // Whose a certificate request is, its content tells and not its name.
        {
          ...on('create', 'POST', `${many}?${dry}`),
          ...(plural === requests && { entry: `${plural}/home` }),
        },
        on('list', 'GET', `${many}?limit=5${narrow}`),
        on('watch', 'GET', `${many}?watch=true${narrow}`),
        on('deletecollection', 'DELETE', `${many}?${dry}${narrow}`),
      ];
    });
    if (subresource !== undefined) return made;
    const everybody = `${plural}/everybody`;
    return [
      ...made,
      { verb: 'list', method: 'GET', path: `${base}/${plural}?limit=5`, entry: everybody },
      { verb: 'watch', method: 'GET', path: `${base}/${plural}?watch=true`, entry: everybody },
    ].filter(({ entry }) => !aboutOneself.test(entry));
  }

  it('opens its own with every path and verb of discovery, and nothing else', async () => {
    const all = (await discover()).flatMap(({ base, resource }) => attemptsOn(base, resource));
    expect(all.length).to.be.greaterThan(1000);
    const opened: string[] = [];
    const queue = all.filter(({ entry }) => !aboutOneself.test(entry));
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        const { verb, method, path, entry, body } = next;
        const { status } = await ask(method, path, method === 'GET' || body === undefined ? {} : { body });
        if (status === 403) continue;
        const isOpen = (allowed.agent[entry] ?? '').split(' ').includes(verb);
        if (!isOpen) opened.push(`${status} ${method} ${path} (${verb} ${entry})`);
      }
    };
    await Promise.all(Array.from({ length: 20 }, worker));
    expect(opened.sort()).to.deep.equal([]);
    process.stdout.write(`      ${all.length} attempts\n`);
  });

  it('sees its own work, so that the attempts mean something', async () => {
    const works = '/apis/work.open-cluster-management.io/v1/namespaces';
    expect((await ask('GET', `${works}/${own}/manifestworks/w`)).status).to.equal(200);
    expect((await ask('GET', `${works}/${other}/manifestworks/w`)).status).to.equal(403);
    expect(
      (await ask('PATCH', `${works}/${own}/manifestworks/w/status?${dry}`, { body: {} })).status,
    ).to.equal(200);
  });

  it('opens no path beside the resources but those that are everybody’s', async () => {
    const closed = [
      '/metrics',
      '/logs',
      '/configz',
      '/debug/pprof/',
      '/debug/pprof/heap',
      '/debug/flags/v',
      '/flotilla.dev/authority',
      '/flotilla.dev/backup',
      '/readyz/etcd',
      '/../../etc/passwd',
      '/api/v1/namespaces/own/../other/secrets',
      '/api/v1/namespaces/own%2F..%2Fother/secrets',
      '/api/v1//secrets',
      '//api/v1/secrets',
      '/api/v1/watch/secrets',
      '/api/v1/watch/namespaces/other/secrets',
      '/api/v1/proxy/nodes/n',
      '/api/v1/nodes/n/proxy/',
      '/api/v1/namespaces/own/services/https:kubernetes:443/proxy/api',
      '/api/v1/namespaces/own/pods/p:8080/proxy/',
      '/api/v1/namespaces/other/pods/p/log',
    ];
    for (const path of closed) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE']) {
        const { status, text } = await ask(method, path);
        // A path that cannot be one is told so.
        expect(status, `${method} ${path}: ${text.slice(0, 200)}`).to.be.oneOf([400, 403, 404, 405]);
      }
    }
  });

  for (const subresource of ['exec', 'attach', 'portforward', 'proxy/']) {
    it(`does not get a stream to ${subresource}`, async () => {
      for (const at of [own, other]) {
        for (const upgrade of ['websocket', 'SPDY/3.1']) {
          const path = `/api/v1/namespaces/${at}/pods/p/${subresource}?command=sh&ports=80`;
          const status = await new Promise<number>((resolve, reject) => {
            const outgoing = request(
              {
                ...{ host: '127.0.0.1', port: fleet.hubPort, path, ...thief, agent: false },
                headers: {
                  ...{ connection: 'Upgrade', upgrade, 'sec-websocket-version': '13' },
                  ...{
                    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
                    'sec-websocket-protocol': 'v5.channel.k8s.io',
                  },
                  'x-stream-protocol-version': 'v4.channel.k8s.io',
                },
              },
              (answer) => {
                answer.resume();
                resolve(answer.statusCode ?? 0);
              },
            );
            outgoing.once('upgrade', (_, socket) => {
              socket.destroy();
              resolve(101);
            });
            outgoing.once('error', reject);
            outgoing.end();
          });
          expect(status, `${upgrade} ${path}`).to.equal(403);
        }
      }
    });
  }

  const disguises: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'the administrator': { 'impersonate-user': 'admin', 'impersonate-group': 'system:masters' },
    'another agent': {
      'impersonate-user': `system:open-cluster-management:${other}:x`,
      'impersonate-group': `system:open-cluster-management:${other}`,
    },
    'a service account': { 'impersonate-user': 'system:serviceaccount:kube-system:x' },
    'itself with another group': { 'impersonate-user': 'x', 'impersonate-extra-scopes': 'all' },
    'a uid': { 'impersonate-user': 'x', 'impersonate-uid': '1' },
  };
  for (const [who, headers] of Object.entries(disguises)) {
    it(`may not say that it is ${who}`, async () => {
      const paths = [`/api/v1/namespaces/${other}/secrets`, '/apis', `/api/v1/namespaces/${own}`];
      for (const path of paths) expect((await ask('GET', path, { headers })).status, path).to.equal(403);
    });
  }

  it('is itself whatever a front proxy would have said of it, and whatever token it adds', async () => {
    const review = { apiVersion: 'authentication.k8s.io/v1', kind: 'SelfSubjectReview' };
    const path = '/apis/authentication.k8s.io/v1/selfsubjectreviews';
    const headers = {
      'x-remote-user': 'admin',
      'x-remote-group': 'system:masters',
      'x-remote-extra-scopes': 'all',
    };
    const { status, text } = await ask('POST', path, { body: review, headers });
    expect(status, text).to.equal(201);
    const { userInfo } = (
      JSON.parse(text) as { status: { userInfo: { username: string; groups: string[] } } }
    ).status;
    expect(userInfo.username).to.contain(`:${own}:`);
    expect(userInfo.groups).not.to.include('system:masters');
    for (const authorization of ['Bearer x', 'Basic YWRtaW46YWRtaW4=', 'Bearer ']) {
      const answer = await ask('GET', `/api/v1/namespaces/${other}/secrets`, { headers: { authorization } });
      expect(answer.status, authorization).to.be.oneOf([401, 403]);
    }
  });

  it('opens nothing at all once its cluster is denied', async () => {
    must(await fleet.hubCommand('deny', own));
    const path = `/apis/work.open-cluster-management.io/v1/namespaces/${own}/manifestworks/w`;
    const status = await ask('GET', path).then(
      (answer) => answer.status,
      () => 0, // the connection is cut
    );
    expect(status).to.be.oneOf([0, 401, 403]);
  });
});

/** The names of objects that are there. */
function nameOf(plural: string): string {
  return plural === 'leases' ? 'managed-cluster-lease' : 'w';
}
