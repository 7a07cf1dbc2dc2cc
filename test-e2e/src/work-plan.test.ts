import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ManifestWorkPlan } from '@flotilla/api';
import { expect } from 'chai';
import { type Cluster, configMap, Fleet, must, type Work, work } from './support/fleet.js';
import { eventually, ours, type Result } from './support/processes.js';

describe('hub works plan', () => {
  const fleet = new Fleet();
  let cluster: Cluster;

  const deployment = (image: string, replicas: number): object => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'web', namespace: 'default' },
    spec: {
      replicas,
      selector: { matchLabels: { app: 'web' } },
      template: { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'web', image }] } },
    },
  });
  const secret = (value: string): object => ({
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: 'key', namespace: 'default' },
    stringData: { key: value },
  });

  before(async () => {
    await fleet.startHub();
    cluster = await fleet.startCluster('edge');
    await fleet.join(cluster);
    const manifests = [
      configMap('kept', { a: '1' }),
      configMap('old', {}),
      deployment('web:1', 1),
      secret('first'),
    ];
    await fleet.apply(work(cluster, 'web', manifests));
    await fleet.workApplied(cluster, 'web');
  });
  after(() => fleet.close());

  async function plan(works: readonly object[], ...args: string[]): Promise<Result> {
    const file = join(fleet.directory, 'plan.json');
    writeFileSync(file, works.map((each) => JSON.stringify(each)).join('\n---\n'));
    return fleet.hubCommand('works', 'plan', '-f', file, ...args);
  }

  /** The version of every object in the cluster that a work could be about. */
  async function versions(): Promise<Record<string, string>> {
    const kinds = 'configmaps,secrets,deployments,namespaces,customresourcedefinitions,appliedmanifestworks';
    const { items } = await fleet.get<{
      items: { kind: string; metadata: { namespace?: string; name: string; resourceVersion: string } }[];
    }>(cluster, kinds, '-A');
    return Object.fromEntries(
      items.map(({ kind, metadata }) => [
        `${kind} ${metadata.namespace ?? ''}/${metadata.name}`,
        metadata.resourceVersion,
      ]),
    );
  }

  it('tells what would be created, changed and deleted, with defaults of the cluster, and writes nothing', async () => {
    await eventually('the deployment is at rest', async () => {
      const { status } = await fleet.get<{ status?: { availableReplicas?: number } }>(
        cluster,
        'deployment',
        'web',
      );
      return status?.availableReplicas === 1;
    });
    const before = await versions();
    const generation = (await fleet.workApplied(cluster, 'web')).metadata.generation;
    const manifests = [
      configMap('kept', { a: '1' }),
      configMap('new', {}),
      deployment('web:2', 3),
      secret('second'),
    ];
    const { code, stdout, stderr } = await plan([work(cluster, 'web', manifests)]);
    expect(stderr).to.equal('');
    expect(stdout).to.equal(
      [
        'edge/web: 1 to create, 2 to change, 1 to delete, 1 unchanged',
        '  + ConfigMap default/new would be created',
        '  ~ Deployment.apps default/web would be changed',
        '      spec.replicas: 1 -> 3',
        '      spec.template.spec.containers[name=web].image: "web:1" -> "web:2"',
        '  ~ Secret default/key would be changed',
        '      data.key: "*** (before)" -> "*** (after)"',
        '  - ConfigMap default/old would be deleted',
        '',
      ].join('\n'),
    );
    expect(code).to.equal(3);
    expect(await versions()).to.deep.equal(before);
    expect((await fleet.workApplied(cluster, 'web')).metadata.generation).to.equal(generation);
    const left = await fleet.hubGet<{ items: object[] }>('manifestworkplans', '-A');
    expect(left.items).to.deep.equal([]);
  });

  it('ends with 0 when nothing would change, and with 1 when something would be refused', async () => {
    const manifests = [
      configMap('kept', { a: '1' }),
      configMap('old', {}),
      deployment('web:1', 1),
      secret('first'),
    ];
    expect(await plan([work(cluster, 'web', manifests)])).to.deep.include({
      code: 0,
      stdout: 'edge/web: 4 unchanged\n',
    });
    const bad = { ...configMap('bad', {}), data: { 'not a key': 'x' } };
    const unknown = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'default' },
    };
    const { code, stdout } = await plan([work(cluster, 'other', [bad, unknown, configMap('fine', {})])]);
    expect(code).to.equal(1);
    expect(stdout).to.match(
      /^edge\/other: 1 to create, 2 refused\n {2}! ConfigMap default\/bad would be refused: .*not a key/,
    );
    expect(stdout).to.contain(
      `  ! Widget.example.com default/w would be refused: the server doesn't have a resource type "Widget"\n`,
    );
  });

  it('knows that a work brings definitions and namespaces along', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'widgets.example.com' },
      spec: {
        group: 'example.com',
        names: { kind: 'Widget', plural: 'widgets' },
        scope: 'Namespaced',
        versions: [
          { name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } },
        ],
      },
    };
    const widget = {
      apiVersion: 'example.com/v1',
      kind: 'Widget',
      metadata: { name: 'w', namespace: 'shop' },
    };
    const namespace = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
    const before = await versions();
    const { stdout, code } = await plan([
      work(cluster, 'shop', [configMap('settings', {}, 'shop'), namespace, definition, widget]),
    ]);
    expect(stdout).to.contain('edge/shop: 4 to create\n');
    expect(stdout).to.contain(
      'Widget.example.com shop/w would be created: cannot be tried before its kind is defined, which this work does\n',
    );
    expect(stdout).to.contain(
      'ConfigMap shop/settings would be created: cannot be tried before its namespace is there, which this work creates\n',
    );
    expect(code).to.equal(3);
    expect(await versions()).to.deep.equal(before);
  });

  it('answers as data, for several works, each in its own words', async () => {
    const works = [
      work(cluster, 'web', [configMap('kept', { a: '1' })]),
      work(cluster, 'extra', [configMap('kept', {})]),
    ];
    const { items } = JSON.parse((await plan(works, '-o', 'json')).stdout) as { items: ManifestWorkPlan[] };
    expect(items.map(({ status }) => status?.summary)).to.deep.equal([
      { create: 0, change: 0, unchanged: 1, delete: 3, refused: 0 },
      { create: 0, change: 1, unchanged: 0, delete: 0, refused: 0 },
    ]);
    expect(items[1]?.status?.manifests?.[0]?.message).to.contain('is there already');
    expect(items[0]?.status?.conditions?.[0]).to.include({
      type: 'Planned',
      status: 'True',
      reason: 'Planned',
    });
  });

  it('is also a work that is annotated so, which is not applied before the annotation is taken away', async () => {
    const annotated = (manifests: readonly object[], value = 'true'): object => {
      const object = work(cluster, 'draft', manifests) as { metadata: object };
      return { ...object, metadata: { ...object.metadata, annotations: { 'flotilla.dev/plan': value } } };
    };
    const planned = (name: string, generation: number) =>
      eventually(`${name} is planned`, async () => {
        const object = await fleet.hubGet<Work>('manifestwork', name, '-n', 'edge');
        const condition = object.status?.conditions?.find(({ type }) => type === 'Planned');
        return condition?.observedGeneration === generation && { object, condition };
      });
    await fleet.workApplied(cluster, 'web');
    const before = await versions();
    await fleet.apply(annotated([configMap('kept', { a: '2' }), configMap('drafted', {})]));
    const { object, condition } = await planned('draft', 1);
    expect(condition).to.include({ status: 'False', reason: 'PlanRefused' });
    const [contested, created] = object.status?.resourceStatus?.manifests ?? [];
    expect(contested?.conditions).to.have.length(1);
    expect(contested?.conditions[0]).to.include({ type: 'Planned', status: 'False', reason: 'Refused' });
    expect(contested?.conditions[0]?.message).to.contain('ManifestWork "web" applies the same object');
    expect(created?.conditions[0]).to.include({ status: 'True', reason: 'Create' });
    await fleet.apply(annotated([configMap('drafted', { a: '1' })]));
    expect((await planned('draft', 2)).condition).to.include({
      status: 'True',
      reason: 'Planned',
      message: 'nothing is applied: 1 create',
    });
    const patch = ['--subresource=status', '--type=merge', '-p', '{"status":{"conditions":[]}}'];
    must(await fleet.kubectl('patch', 'manifestwork', 'draft', '-n', 'edge', ...patch));
    await planned('draft', 2); // what is lost is told again
    expect(await versions()).to.deep.equal(before);
    expect(must(await fleet.hubCommand('why', 'draft', '-n', 'edge'))).to.match(
      /^edge\/draft is a plan: nothing is applied: 1 create\n {2}-> take the annotation flotilla\.dev\/plan away/,
    );
    must(await fleet.kubectl('annotate', 'manifestwork', 'draft', '-n', 'edge', 'flotilla.dev/plan-'));
    const applied = await fleet.workApplied(cluster, 'draft');
    expect(applied.status?.conditions?.map(({ type }) => type)).not.to.include('Planned');
    expect((await fleet.get<{ data: object }>(cluster, 'configmap', 'drafted')).data).to.deep.equal({
      a: '1',
    });
    const back = await fleet
      .apply(annotated([configMap('drafted', {})]))
      .catch((error: Error) => error.message);
    expect(back).to.contain('a work that is applied cannot become a plan');
    const wrong = await fleet
      .apply(annotated([configMap('x', {})], 'yes'))
      .catch((error: Error) => error.message);
    expect(wrong).to.contain('metadata.annotations[flotilla.dev/plan]: must be "true" or "false"');
  });

  it('is not annotated for a cluster whose agent might apply it', async () => {
    must(await fleet.kubectl('create', 'namespace', 'foreign'));
    const object = {
      apiVersion: 'work.open-cluster-management.io/v1',
      kind: 'ManifestWork',
      metadata: { name: 'draft', namespace: 'foreign', annotations: { 'flotilla.dev/plan': 'true' } },
      spec: { workload: { manifests: [configMap('a', {})] } },
    };
    const told = await fleet.apply(object).catch((error: Error) => error.message);
    expect(told).to.contain(
      'the agent of the cluster "foreign" has not said that it knows plans (claim plans.flotilla.dev), and might apply the work',
    );
  });

  it('needs the permission to create works in the place of the plan', async () => {
    must(
      await fleet.kubectl(
        'create',
        'role',
        'planner',
        '-n',
        'edge',
        '--verb=create',
        '--resource=manifestworkplans.flotilla.dev',
      ),
    );
    must(
      await fleet.kubectl('create', 'rolebinding', 'planner', '-n', 'edge', '--role=planner', '--user=ann'),
    );
    const object = {
      apiVersion: 'flotilla.dev/v1alpha1',
      kind: 'ManifestWorkPlan',
      metadata: { name: 'p', namespace: 'edge' },
      spec: { workName: 'w', workSpec: { workload: { manifests: [configMap('a', {})] } } },
    };
    const create = ['create', '-f', '-', '--as', 'ann'];
    const refused = await fleet.kubectlWith({ input: JSON.stringify(object) }, ...create);
    expect(refused.stderr).to.contain(
      'user "ann" cannot create manifestworks in the namespace "edge", and so cannot plan them',
    );
    const empty = { ...object, spec: { workName: 'w', workSpec: {} } };
    const invalid = await fleet.kubectlWith({ input: JSON.stringify(empty) }, 'create', '-f', '-');
    expect(invalid.stderr).to.contain('manifests should not be empty');
  });

  it('is for the cluster of its own namespace', async () => {
    const groups = ['system:open-cluster-management:edge', 'system:open-cluster-management:managed-clusters'];
    const as = [
      '--as',
      'system:open-cluster-management:edge:agent',
      ...groups.flatMap((group) => ['--as-group', group]),
    ];
    must(await fleet.kubectl('get', 'manifestworkplans', '-n', 'edge', ...as));
    for (const args of [
      ['get', 'manifestworkplans', '-n', 'default'],
      ['delete', 'manifestworkplan', 'some', '-n', 'edge'],
    ]) {
      expect((await fleet.kubectl(...args, ...as)).stderr, args.join(' ')).to.contain('Forbidden');
    }
  });

  it('says what is wrong with what it is given', async () => {
    for (const [works, args, told] of [
      [
        [configMap('a', {})],
        [],
        /the object 1 of \S+ is not a ManifestWork of work\.open-cluster-management\.io\/v1/,
      ],
      [[{ ...work(cluster, 'a', []), metadata: { name: 'a' } }], [], /say which cluster to ask with -n/],
    ] as const) {
      const { code, stderr } = await plan(works, ...args);
      expect(stderr).to.match(told);
      expect(code).to.equal(2);
    }
    const absent = await fleet.hubCommand('works', 'plan', '-f', '/nothing/there');
    expect(absent).to.deep.include({
      code: 2,
      stderr: 'error: -f: the file /nothing/there does not exist\n',
    });
    expect((await ours('hub', ['works', 'plan'])).code).to.equal(2);
  });

  it('does not wait for ever for a cluster that is away', async () => {
    await cluster.klusterlet.stop();
    const { code, stderr } = await plan([work(cluster, 'web', [configMap('kept', {})])], '--timeout', '1s');
    expect(stderr).to.match(/^error: the klusterlet of edge has not answered in time/);
    expect(code).to.equal(1);
    const left = await fleet.hubGet<{ items: object[] }>('manifestworkplans', '-A');
    expect(left.items).to.deep.equal([]);
  });
});
