/** What `kubectl get -o wide` shows of built-in kinds, cell by cell. No controller changes what is shown. */
import { expect } from 'chai';
import { EmbeddedServer } from '../support/embedded-server.js';
import { at, list } from '../support/json.js';
import { run } from '../support/processes.js';

const template = { metadata: { labels: { app: 'x' } }, spec: { containers: [{ name: 'c', image: 'i:1' }] } };
const selector = { matchLabels: { app: 'x' } };
const ns = '/namespaces/ns';

interface Shown {
  /** Of the collection. */
  readonly path: string;
  readonly object: object;
  /** Written by another request, as a controller does. */
  readonly status?: object;
  /** A pattern where the value is the server's own. */
  readonly cells: readonly unknown[];
}

/** All made at midnight and looked at five minutes later. */
const shown: readonly Shown[] = [
  {
    path: `/api/v1${ns}/pods`,
    object: {
      metadata: { name: 'a-crashing' },
      spec: { nodeName: 'node-1', containers: [...template.spec.containers, { name: 'd', image: 'j' }] },
    },
    status: {
      phase: 'Running',
      podIP: '10.1.0.5',
      podIPs: [{ ip: '10.1.0.5' }],
      containerStatuses: [
        { name: 'c', ready: true, restartCount: 0, state: { running: {} }, image: 'i', imageID: '' },
        {
          name: 'd',
          ready: false,
          restartCount: 2,
          image: 'j',
          imageID: '',
          state: { waiting: { reason: 'CrashLoopBackOff' } },
          lastState: { terminated: { exitCode: 1, finishedAt: '2026-01-01T00:02:00Z' } },
        },
      ],
    },
    cells: [
      ...[
        'a-crashing',
        '1/2',
        'CrashLoopBackOff',
        '2 (3m ago)',
        '5m',
        '10.1.0.5',
        'node-1',
        '<none>',
        '<none>',
      ],
    ],
  },
  {
    path: `/api/v1${ns}/pods`,
    object: {
      metadata: { name: 'b-starting' },
      spec: {
        ...template.spec,
        initContainers: [{ name: 'n', image: 'i' }],
        readinessGates: [{ conditionType: 'x.dev/ready' }],
      },
    },
    status: {
      phase: 'Pending',
      conditions: [{ type: 'x.dev/ready', status: 'True' }],
      initContainerStatuses: [
        { name: 'n', ready: false, restartCount: 0, state: { running: {} }, image: 'i', imageID: '' },
      ],
    },
    cells: ['b-starting', '0/1', 'Init:0/1', '0', '5m', '<none>', '<none>', '<none>', '1/1'],
  },
  {
    path: `/api/v1${ns}/pods`,
    object: { metadata: { name: 'c-done' }, spec: { ...template.spec, restartPolicy: 'Never' } },
    status: {
      phase: 'Succeeded',
      containerStatuses: [
        {
          name: 'c',
          ready: false,
          restartCount: 0,
          image: 'i',
          imageID: '',
          state: { terminated: { exitCode: 0, reason: 'Completed' } },
        },
      ],
    },
    cells: ['c-done', '0/1', 'Completed', '0', '5m', '<none>', '<none>', '<none>', '<none>'],
  },
  {
    path: `/apis/apps/v1${ns}/deployments`,
    object: { metadata: { name: 'd' }, spec: { replicas: 3, selector, template } },
    status: { replicas: 3, updatedReplicas: 3, readyReplicas: 2, availableReplicas: 2 },
    cells: ['d', '2/3', 3, 2, '5m', 'c', 'i:1', 'app=x'],
  },
  {
    path: `/apis/apps/v1${ns}/replicasets`,
    object: { metadata: { name: 'r' }, spec: { replicas: 3, selector, template } },
    status: { replicas: 2, readyReplicas: 1 },
    cells: ['r', 3, 2, 1, '5m', 'c', 'i:1', 'app=x'],
  },
  {
    path: `/apis/apps/v1${ns}/statefulsets`,
    object: { metadata: { name: 's' }, spec: { replicas: 2, serviceName: 's', selector, template } },
    status: { replicas: 2, readyReplicas: 1 },
    cells: ['s', '1/2', '5m', 'c', 'i:1'],
  },
  {
    path: `/apis/apps/v1${ns}/daemonsets`,
    object: {
      metadata: { name: 'ds' },
      spec: {
        selector,
        template: { ...template, spec: { ...template.spec, nodeSelector: { disk: 'ssd' } } },
      },
    },
    status: {
      ...{ desiredNumberScheduled: 3, currentNumberScheduled: 3, numberReady: 2, numberMisscheduled: 0 },
      ...{ updatedNumberScheduled: 3, numberAvailable: 2 },
    },
    cells: ['ds', 3, 3, 2, 3, 2, 'disk=ssd', '5m', 'c', 'i:1', 'app=x'],
  },
  {
    path: `/apis/batch/v1${ns}/jobs`,
    object: {
      metadata: { name: 'j' },
      spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } },
    },
    status: {
      succeeded: 1,
      startTime: '2026-01-01T00:00:00Z',
      completionTime: '2026-01-01T00:02:00Z',
      conditions: [
        { type: 'SuccessCriteriaMet', status: 'True' },
        { type: 'Complete', status: 'True' },
      ],
    },
    cells: [
      'j',
      'Complete',
      '1/1',
      '2m',
      '5m',
      'c',
      'i:1',
      /^batch\.kubernetes\.io\/controller-uid=[0-9a-f-]{36}$/,
    ],
  },
  {
    path: `/apis/batch/v1${ns}/cronjobs`,
    object: {
      metadata: { name: 'cj' },
      spec: {
        schedule: '*/5 * * * *',
        jobTemplate: { spec: { template: { spec: { ...template.spec, restartPolicy: 'Never' } } } },
      },
    },
    status: { lastScheduleTime: '2026-01-01T00:02:00Z', active: [{ name: 'j', kind: 'Job' }] },
    cells: ['cj', '*/5 * * * *', '<none>', 'False', 1, '3m', '5m', 'c', 'i:1', '<none>'],
  },
  {
    path: `/api/v1${ns}/services`,
    object: {
      metadata: { name: 'balanced' },
      spec: {
        type: 'LoadBalancer',
        clusterIP: '10.96.0.50',
        selector: { app: 'x' },
        ports: [
          { name: 'a', port: 80, nodePort: 30080 },
          { name: 'b', port: 53, nodePort: 30053, protocol: 'UDP' },
        ],
      },
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    cells: [
      'balanced',
      'LoadBalancer',
      '10.96.0.50',
      '192.0.2.1',
      '80:30080/TCP,53:30053/UDP',
      '5m',
      'app=x',
    ],
  },
  {
    path: `/api/v1${ns}/services`,
    object: { metadata: { name: 'elsewhere' }, spec: { type: 'ExternalName', externalName: 'x.example' } },
    cells: ['elsewhere', 'ExternalName', '<none>', 'x.example', '<none>', '5m', '<none>'],
  },
  {
    path: `/api/v1${ns}/services`,
    object: {
      metadata: { name: 'pending' },
      spec: { type: 'LoadBalancer', ports: [{ port: 80, nodePort: 30081 }] },
    },
    cells: ['pending', 'LoadBalancer', /^10\.96\./, '<pending>', '80:30081/TCP', '5m', '<none>'],
  },
  {
    path: `/apis/networking.k8s.io/v1${ns}/ingresses`,
    object: {
      metadata: { name: 'i' },
      spec: {
        ingressClassName: 'nginx',
        tls: [{ hosts: ['a.example'] }],
        rules: [{ host: 'a.example' }, { host: 'b.example' }],
      },
    },
    status: { loadBalancer: { ingress: [{ ip: '192.0.2.1' }] } },
    cells: ['i', 'nginx', 'a.example,b.example', '192.0.2.1', '80, 443', '5m'],
  },
  {
    path: '/api/v1/nodes',
    object: {
      metadata: { name: 'n', labels: { 'node-role.kubernetes.io/control-plane': '' } },
      spec: { unschedulable: true },
    },
    status: {
      conditions: [{ type: 'Ready', status: 'True' }],
      addresses: [{ type: 'InternalIP', address: '10.0.0.1' }],
      nodeInfo: {
        ...{
          kubeletVersion: 'v1.30.0',
          osImage: 'Linux X',
          kernelVersion: '6.1',
          containerRuntimeVersion: 'c://1',
        },
        ...{
          machineID: '',
          systemUUID: '',
          bootID: '',
          kubeProxyVersion: '',
          operatingSystem: '',
          architecture: '',
        },
      },
    },
    cells: [
      ...[
        'n',
        'Ready,SchedulingDisabled',
        'control-plane',
        '5m',
        'v1.30.0',
        '10.0.0.1',
        '<none>',
        'Linux X',
        '6.1',
      ],
      'c://1',
    ],
  },
  {
    path: `/api/v1${ns}/secrets`,
    object: { metadata: { name: 's' }, stringData: { a: 'b' } },
    cells: ['s', 'Opaque', 1, '5m'],
  },
  {
    path: `/api/v1${ns}/configmaps`,
    object: { metadata: { name: 'c' }, data: { a: 'b' }, binaryData: { d: 'YQ==' } },
    cells: ['c', 2, '5m'],
  },
  { path: `/api/v1${ns}/serviceaccounts`, object: { metadata: { name: 'a' } }, cells: ['a', 0, '5m'] },
  {
    path: `/api/v1${ns}/events`,
    object: {
      metadata: { name: 'e' },
      involvedObject: { kind: 'Pod', name: 'p', namespace: 'ns', fieldPath: 'spec.containers{c}' },
      reason: 'BackOff',
      message: 'it falls over ',
      type: 'Warning',
      source: { component: 'kubelet', host: 'node-1' },
      firstTimestamp: '2026-01-01T00:01:00Z',
      lastTimestamp: '2026-01-01T00:02:00Z',
      count: 3,
    },
    cells: [
      ...[
        '3m',
        'Warning',
        'BackOff',
        'pod/p',
        'spec.containers{c}',
        'kubelet, node-1',
        'it falls over',
        '4m',
        3,
        'e',
      ],
    ],
  },
  {
    path: `/apis/coordination.k8s.io/v1${ns}/leases`,
    object: { metadata: { name: 'l' }, spec: { holderIdentity: 'me' } },
    cells: ['l', 'me', '5m'],
  },
  {
    path: `/apis/rbac.authorization.k8s.io/v1${ns}/roles`,
    object: { metadata: { name: 'r' }, rules: [] },
    cells: ['r', '2026-01-01T00:00:00Z'],
  },
  {
    path: `/apis/rbac.authorization.k8s.io/v1${ns}/rolebindings`,
    object: {
      metadata: { name: 'b' },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
      subjects: [
        { kind: 'User', name: 'u', apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'User', name: 'v', apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'Group', name: 'g', apiGroup: 'rbac.authorization.k8s.io' },
        { kind: 'ServiceAccount', name: 'a', namespace: 'ns' },
      ],
    },
    cells: ['b', 'Role/r', '5m', 'u, v', 'g', 'ns/a'],
  },
  {
    path: '/api/v1/persistentvolumes',
    object: {
      metadata: { name: 'pv' },
      spec: {
        capacity: { storage: '1Gi' },
        accessModes: ['ReadWriteOnce', 'ReadOnlyMany'],
        persistentVolumeReclaimPolicy: 'Retain',
        storageClassName: 'fast',
        hostPath: { path: '/x' },
        claimRef: { namespace: 'ns', name: 'pvc' },
      },
    },
    status: { phase: 'Bound' },
    cells: ['pv', '1Gi', 'RWO,ROX', 'Retain', 'Bound', 'ns/pvc', 'fast', '<unset>', '', '5m', 'Filesystem'],
  },
  {
    path: `/api/v1${ns}/persistentvolumeclaims`,
    object: {
      metadata: { name: 'pvc' },
      spec: {
        accessModes: ['ReadWriteOnce'],
        storageClassName: 'fast',
        volumeName: 'pv',
        resources: { requests: { storage: '1Gi' } },
      },
    },
    status: { phase: 'Bound', capacity: { storage: '1Gi' }, accessModes: ['ReadWriteOnce'] },
    cells: ['pvc', 'Bound', 'pv', '1Gi', 'RWO', 'fast', '<unset>', '5m', 'Filesystem'],
  },
  {
    path: `/apis/autoscaling/v2${ns}/horizontalpodautoscalers`,
    object: {
      metadata: { name: 'h' },
      spec: {
        maxReplicas: 3,
        scaleTargetRef: { apiVersion: 'apps/v1', kind: 'Deployment', name: 'd' },
        metrics: [
          {
            type: 'Resource',
            resource: { name: 'cpu', target: { type: 'Utilization', averageUtilization: 80 } },
          },
        ],
      },
    },
    status: {
      currentReplicas: 2,
      desiredReplicas: 2,
      currentMetrics: [
        {
          type: 'Resource',
          resource: { name: 'cpu', current: { averageUtilization: 50, averageValue: '5m' } },
        },
      ],
    },
    cells: ['h', 'Deployment/d', 'cpu: 50%/80%', '1', 3, 2, '5m'],
  },
  {
    path: `/apis/policy/v1${ns}/poddisruptionbudgets`,
    object: { metadata: { name: 'b' }, spec: { minAvailable: '50%', selector } },
    status: { disruptionsAllowed: 1, currentHealthy: 2, desiredHealthy: 1, expectedPods: 2 },
    cells: ['b', '50%', 'N/A', 1, '5m'],
  },
  {
    path: `/apis/networking.k8s.io/v1${ns}/networkpolicies`,
    object: { metadata: { name: 'n' }, spec: { podSelector: selector } },
    cells: ['n', 'app=x', '5m'],
  },
  {
    path: '/apis/scheduling.k8s.io/v1/priorityclasses',
    object: { metadata: { name: 'pc' }, value: 7, preemptionPolicy: 'Never' },
    cells: ['pc', 7, false, '5m', 'Never'],
  },
  {
    path: '/apis/storage.k8s.io/v1/storageclasses',
    object: {
      metadata: { name: 'sc', annotations: { 'storageclass.kubernetes.io/is-default-class': 'true' } },
      provisioner: 'x.example/p',
      volumeBindingMode: 'WaitForFirstConsumer',
      allowVolumeExpansion: true,
    },
    cells: ['sc (default)', 'x.example/p', 'Delete', 'WaitForFirstConsumer', true, '5m'],
  },
  {
    path: `/apis/discovery.k8s.io/v1${ns}/endpointslices`,
    object: {
      metadata: { name: 'es' },
      addressType: 'IPv4',
      ports: [{ port: 80, protocol: 'TCP' }, { port: 443 }],
      endpoints: [{ addresses: ['10.1.0.1'] }, { addresses: ['10.1.0.2'] }],
    },
    cells: ['es', 'IPv4', '80,443', '10.1.0.1,10.1.0.2', '5m'],
  },
  {
    path: `/api/v1${ns}/resourcequotas`,
    object: { metadata: { name: 'q' }, spec: { hard: { pods: '10', cpu: '4', 'limits.cpu': '8' } } },
    status: {
      hard: { pods: '10', cpu: '4', 'limits.cpu': '8' },
      used: { pods: '2', cpu: '1', 'limits.cpu': '0' },
    },
    cells: ['q', 'cpu: 1/4, pods: 2/10', 'limits.cpu: 0/8', '5m'],
  },
];

describe('cells of tables', () => {
  it('shows each built-in kind in the cells that kubectl users know', async () => {
    const server = await EmbeddedServer.start();
    try {
      const send = async (method: string, path: string, body: object, type = 'application/json') => {
        const answer = await fetch(server.url + path, {
          method,
          body: JSON.stringify(body),
          headers: { 'content-type': type },
        });
        if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
      };
      for (const { path, object, status } of shown) {
        await send('POST', path, object);
        const own = `${path}/${at(object, 'metadata.name')}/status`;
        if (status !== undefined) await send('PATCH', own, { status }, 'application/merge-patch+json');
      }
      await server.env.clock.advance(5 * 60_000);
      for (const { path, object, cells } of shown) {
        const name = String(at(object, 'metadata.name'));
        const answer = await fetch(`${server.url}${path}/${name}`, {
          headers: { accept: 'application/json;as=Table;v=v1;g=meta.k8s.io' },
        });
        const found = list(await answer.json(), 'rows.0.cells');
        expect(found, path).to.have.length(cells.length);
        for (const [index, cell] of cells.entries()) {
          const what = `${path} ${name} cell ${index}`;
          if (cell instanceof RegExp) expect(found[index], what).to.match(cell);
          else expect(found[index], what).to.equal(cell);
        }
      }
      const wide = await run('kubectl', [
        ...['--kubeconfig', server.kubeconfig(), '-n', 'ns', 'get', 'services', '-o', 'wide'],
      ]);
      expect(wide.stdout, wide.stderr).to.match(
        /^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE +SELECTOR\nbalanced +LoadBalancer +10\.96\.0\.50 +192\.0\.2\.1 +80:30080\/TCP,53:30053\/UDP +5m +app=x\n/,
      );
    } finally {
      await server.close();
    }
  });
});
