/**
 * The kubectl commands whose requests are recorded, in the order in which they run on one server, and the state that
 * they start from. A command may rely on what those before it have done.
 */
import { signingRequest } from '../support/credentials.js';
import { at } from '../support/json.js';
import { configMap, crdPath, deployment, widget, widgetCrd } from '../support/objects.js';
import { eventually } from '../support/processes.js';
import type { TestServer } from '../support/server.js';

export interface RecordedCommand {
  /** Arguments of kubectl; `EDIT` stands for nothing: the command is given an editor. */
  readonly args: readonly string[];
  /** Given on standard input. */
  readonly input?: object;
  /** Changes `before` to `after` in what it edits. */
  readonly edit?: { readonly before: string; readonly after: string };
  /** Ended as soon as its watch is answered. */
  readonly watches?: boolean;
  /** First minor version that knows it. */
  readonly since?: number;
  /** The exit code that is no failure, when it is not 0. */
  readonly code?: number;
}

export const recordedNamespace = 'recorded';

const inNamespace = { namespace: recordedNamespace };
const from = ['-f', '-'];
const applied = (k: string) => configMap('applied', { k }, inNamespace);
const appliedWidget = (size: number) => widget('Widget', 'applied', { size }, inNamespace);
const web = (image: string) =>
  deployment('web', { template: podTemplate(image), replicas: 1 }, { namespace: recordedNamespace });

function podTemplate(image: string): object {
  return { metadata: { labels: { app: 'web' } }, spec: { containers: [{ name: 'main', image }] } };
}

export const recordedCommands: readonly RecordedCommand[] = [
  { args: ['version'] },
  { args: ['api-resources'] },
  { args: ['api-versions'] },
  { args: ['explain', 'deployment.spec.replicas'] },
  { args: ['explain', 'widget.spec'] },
  { args: ['get', 'pods'] },
  { args: ['get', 'pods', '-o', 'wide', '-l', 'app=single'] },
  { args: ['get', 'pods', '-o', 'yaml', '--field-selector', 'metadata.name=single'] },
  { args: ['get', 'pods', '-A'] },
  { args: ['get', 'configmaps', '--sort-by=.metadata.name'] },
  { args: ['get', 'configmaps', '--chunk-size=1'] },
  { args: ['get', 'configmap', 'fixed', '-o', 'jsonpath={.data.k}'] },
  { args: ['get', 'widgets', '-o', 'custom-columns=N:.metadata.name'] },
  { args: ['get', 'deploy/web', 'cm/fixed'] },
  { args: ['get', 'all'] },
  { args: ['get', '--raw', `/api/v1/namespaces/${recordedNamespace}`] },
  { args: ['get', 'configmaps', '-w'], watches: true },
  { args: ['get', 'pod', 'single', '-w'], watches: true },
  { args: ['get', 'widgets', '-w', '--output-watch-events'], watches: true },
  { args: ['events'], since: 26 },
  { args: ['cluster-info'] },
  { args: ['apply', ...from], input: applied('1') },
  { args: ['apply', ...from], input: applied('2') },
  { args: ['apply', ...from], input: applied('2') },
  { args: ['apply', ...from], input: appliedWidget(1) },
  { args: ['apply', ...from], input: appliedWidget(2) },
  { args: ['apply', '--dry-run=server', ...from], input: applied('3') },
  { args: ['diff', ...from], input: applied('3'), code: 1 },
  { args: ['diff', '--server-side', '--force-conflicts', ...from], input: applied('3'), code: 1 },
  { args: ['apply', '--server-side', ...from], input: configMap('on-server', { k: '1' }, inNamespace) },
  { args: ['apply', '--server-side', '--force-conflicts', ...from], input: applied('4') },
  {
    args: ['apply', '--server-side', ...from],
    input: widget('Widget', 'on-server', { size: 1 }, inNamespace),
  },
  { args: ['apply', 'view-last-applied', 'widget/applied'] },
  { args: ['create', ...from], input: configMap('created', { k: '1' }, inNamespace) },
  { args: ['create', '--validate=false', ...from], input: configMap('created-2', {}, inNamespace) },
  {
    args: ['create', '--save-config', '--validate=warn', ...from],
    input: widget('Widget', 'c', {}, inNamespace),
    since: 25,
  },
  { args: ['replace', ...from], input: configMap('created', { k: '2' }, inNamespace) },
  { args: ['replace', '--force', ...from], input: configMap('created', { k: '3' }, inNamespace) },
  { args: ['create', 'namespace', 'recorded-made'] },
  { args: ['create', 'configmap', 'made', '--from-literal=a=b'] },
  { args: ['create', 'secret', 'generic', 'made', '--from-literal=a=b'] },
  { args: ['create', 'serviceaccount', 'made'] },
  { args: ['create', 'deployment', 'made', '--image=nginx:1', '--replicas=1'] },
  { args: ['create', 'service', 'clusterip', 'made', '--tcp=80:8080'] },
  { args: ['create', 'role', 'made', '--verb=get', '--resource=configmaps'] },
  { args: ['create', 'rolebinding', 'made', '--role=made', '--user=somebody'] },
  { args: ['create', 'job', 'made', '--image=busybox', '--', 'true'] },
  { args: ['create', 'token', 'made', '--duration=10m'], since: 24 },
  { args: ['expose', 'deployment', 'made', '--port=80', '--name=exposed'] },
  { args: ['run', 'ran', '--image=nginx:1'] },
  { args: ['autoscale', 'deployment', 'made', '--max=3'] },
  { args: ['patch', 'configmap', 'fixed', '--type=merge', '-p', '{"data":{"n":"1"}}'] },
  { args: ['patch', 'deployment', 'web', '-p', '{"spec":{"minReadySeconds":0,"revisionHistoryLimit":5}}'] },
  { args: ['patch', 'configmap', 'fixed', '--type=json', '-p', '[{"op":"remove","path":"/data/n"}]'] },
  {
    args: [
      'patch',
      'widget',
      'applied',
      '--type=merge',
      '--subresource=status',
      '-p',
      '{"status":{"phase":"Up"}}',
    ],
    since: 24,
  },
  { args: ['edit', 'configmap', 'fixed'], edit: { before: 'k: v', after: 'k: edited' } },
  { args: ['edit', 'widget', 'applied'], edit: { before: 'size: 2', after: 'size: 3' } },
  { args: ['label', 'configmap', 'fixed', 'a=1'] },
  { args: ['annotate', 'configmap', 'fixed', 'a=1'] },
  { args: ['scale', 'deployment/web', '--replicas=2'] },
  { args: ['rollout', 'status', 'deployment/web', '--timeout=20s'] },
  { args: ['scale', 'deployment/web', '--replicas=1', '--current-replicas=2'] },
  { args: ['scale', 'widget/applied', '--replicas=3'] },
  { args: ['set', 'image', 'deployment/web', 'main=nginx:2'] },
  { args: ['set', 'env', 'deployment/web', 'A=b'] },
  { args: ['rollout', 'status', 'deployment/web', '--timeout=20s'] },
  { args: ['rollout', 'restart', 'deployment/web'] },
  { args: ['rollout', 'history', 'deployment/web'] },
  { args: ['rollout', 'undo', 'deployment/web'] },
  { args: ['wait', '--for=condition=Available', 'deployment/web', '--timeout=20s'] },
  { args: ['wait', '--for=jsonpath={.data.k}=edited', 'configmap/fixed', '--timeout=20s'], since: 23 },
  { args: ['wait', '--for=create', 'configmap/fixed', '--timeout=20s'], since: 31 },
  { args: ['taint', 'node', 'node-1', 'a=b:NoSchedule'] },
  { args: ['cordon', 'node-1'] },
  { args: ['uncordon', 'node-1'] },
  { args: ['describe', 'configmap', 'fixed'] },
  { args: ['describe', 'widget', 'applied'] },
  { args: ['describe', 'deployment', 'web'] },
  { args: ['describe', 'namespace', recordedNamespace] },
  { args: ['describe', 'node', 'node-1'] },
  { args: ['describe', 'serviceaccount', 'made'] },
  { args: ['auth', 'can-i', 'create', 'pods'] },
  { args: ['auth', 'can-i', '--list'] },
  { args: ['auth', 'whoami'], since: 28 },
  { args: ['certificate', 'approve', 'one'] },
  { args: ['certificate', 'deny', 'two'] },
  { args: ['delete', 'configmap', 'created', '--dry-run=server'] },
  { args: ['delete', 'configmap', 'created'] },
  { args: ['delete', 'configmaps', '-l', 'group=labelled'] },
  { args: ['delete', 'deployment', 'made', '--cascade=orphan', '--wait=false'] },
  { args: ['delete', 'widgets', '--all'] },
  { args: ['wait', '--for=delete', 'widget/applied', '--timeout=20s'], since: 24 },
];

/** What is there before the first command. */
export async function prepareRecorded(server: TestServer): Promise<void> {
  const core = '/api/v1';
  const own = `${core}/namespaces/${recordedNamespace}`;
  await server.create(`${core}/namespaces`, {
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name: recordedNamespace },
  });
  await server.create(crdPath, widgetCrd('widgets'));
  await server.create(`${own}/configmaps`, configMap('fixed'));
  for (const name of ['l1', 'l2']) {
    await server.create(`${own}/configmaps`, configMap(name, {}, { labels: { group: 'labelled' } }));
  }
  await server.create(`${core}/nodes`, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } });
  await server.create(`${own}/pods`, {
    metadata: { name: 'single', labels: { app: 'single' } },
    spec: { containers: [{ name: 'main', image: 'nginx:1' }] },
  });
  await server.create(`/apis/apps/v1/namespaces/${recordedNamespace}/deployments`, web('nginx:1'));
  for (const name of ['one', 'two']) {
    await server.create('/apis/certificates.k8s.io/v1/certificatesigningrequests', {
      metadata: { name },
      spec: {
        request: signingRequest(name, []).request,
        signerName: 'example.com/by-hand',
        usages: ['client auth'],
      },
    });
  }
  await eventually('the workloads are up', async () => {
    const path = `/apis/apps/v1/namespaces/${recordedNamespace}/deployments/web`;
    const pod = await server.read(`${own}/pods/single`);
    return at(await server.read(path), 'status.readyReplicas') === 1 && at(pod, 'status.phase') === 'Running';
  });
}
