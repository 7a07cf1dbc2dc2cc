/**
 * Request bodies that kubectl 1.32 sent to a recording server, with what the same command prints with
 * `--dry-run=client -o json` (nulls left out), or what the body must decode to where kubectl has no dry run.
 * Read by decode.test.ts only.
 */

export interface RecordedBody {
  readonly command: string;
  /** The whole body, envelope included. */
  readonly base64: string;
  readonly expected: object;
}

export const recordedBodies: readonly RecordedBody[] = [
  {
    command: 'kubectl create ns demo',
    base64: 'azhzAAoPCgJ2MRIJTmFtZXNwYWNlEhwKFAoEZGVtbxIAGgAiACoAMgA4AEIAEgAaAgoAGgAiAA==',
    expected: { kind: 'Namespace', apiVersion: 'v1', metadata: { name: 'demo' }, spec: {}, status: {} },
  },
  {
    command: 'kubectl create configmap cm --from-literal=a=b',
    base64: 'azhzAAoPCgJ2MRIJQ29uZmlnTWFwEiMKGQoCY20SABoHZGVmYXVsdCIAKgAyADgAQgASBgoBYRIBYhoAIgA=',
    expected: {
      kind: 'ConfigMap',
      apiVersion: 'v1',
      metadata: { name: 'cm', namespace: 'default' },
      data: { a: 'b' },
    },
  },
  {
    command: 'kubectl create secret generic s --from-literal=p=q',
    base64: 'azhzAAoMCgJ2MRIGU2VjcmV0EiQKGAoBcxIAGgdkZWZhdWx0IgAqADIAOABCABIGCgFwEgFxGgAaACIA',
    expected: {
      kind: 'Secret',
      apiVersion: 'v1',
      metadata: { name: 's', namespace: 'default' },
      data: { p: 'cQ==' },
    },
  },
  {
    command: 'kubectl create deployment web --image=nginx --replicas=2 --port=80',
    base64:
      'azhzAAoVCgdhcHBzL3YxEgpEZXBsb3ltZW50Er8BCiYKA3dlYhIAGgdkZWZhdWx0IgAqADIAOABCAFoKCgNhcHASA3dlYhKGAQgCEgwKCgoDYXBwEgN3ZWIabAocCgASABoAIgAqADIAOABCAFoKCgNhcHASA3dlYhJMEi4KBW5naW54EgVuZ2lueCoAMgoKABAAGFAiACoAQgBqAHIAgAEAiAEAkAEAogEAGgAyAEIASgBSAFgAYABoAIIBAIoBAJoBAMIBACICCgAoADgAGgwIABAAGAAgACgAOAAaACIA',
    expected: {
      kind: 'Deployment',
      apiVersion: 'apps/v1',
      metadata: { name: 'web', namespace: 'default', labels: { app: 'web' } },
      spec: {
        replicas: 2,
        selector: { matchLabels: { app: 'web' } },
        template: {
          metadata: { labels: { app: 'web' } },
          spec: {
            containers: [{ name: 'nginx', image: 'nginx', ports: [{ containerPort: 80 }], resources: {} }],
          },
        },
        strategy: {},
      },
      status: {},
    },
  },
  {
    command: 'kubectl create sa robot',
    base64: 'azhzAAoUCgJ2MRIOU2VydmljZUFjY291bnQSHgocCgVyb2JvdBIAGgdkZWZhdWx0IgAqADIAOABCABoAIgA=',
    expected: { kind: 'ServiceAccount', apiVersion: 'v1', metadata: { name: 'robot', namespace: 'default' } },
  },
  {
    command: 'kubectl create role r --verb=get --resource=pods,deployments.apps',
    base64:
      'azhzAAokChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgRSb2xlEkMKGAoBchIAGgdkZWZhdWx0IgAqADIAOABCABINCgNnZXQSABoEcG9kcxIYCgNnZXQSBGFwcHMaC2RlcGxveW1lbnRzGgAiAA==',
    expected: {
      kind: 'Role',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'r', namespace: 'default' },
      rules: [
        { verbs: ['get'], apiGroups: [''], resources: ['pods'] },
        { verbs: ['get'], apiGroups: ['apps'], resources: ['deployments'] },
      ],
    },
  },
  {
    command: 'kubectl create rolebinding rb --role=r --serviceaccount=default:robot --user=joe',
    base64:
      'azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtSb2xlQmluZGluZxKPAQoZCgJyYhIAGgdkZWZhdWx0IgAqADIAOABCABIoCgRVc2VyEhlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvGgNqb2UiABIiCg5TZXJ2aWNlQWNjb3VudBIAGgVyb2JvdCIHZGVmYXVsdBokChlyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvEgRSb2xlGgFyGgAiAA==',
    expected: {
      kind: 'RoleBinding',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'rb', namespace: 'default' },
      subjects: [
        { kind: 'User', apiGroup: 'rbac.authorization.k8s.io', name: 'joe' },
        { kind: 'ServiceAccount', name: 'robot', namespace: 'default' },
      ],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name: 'r' },
    },
  },
  {
    command: 'kubectl create clusterrole cr --verb=* --non-resource-url=/metrics',
    base64:
      'azhzAAorChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEgtDbHVzdGVyUm9sZRIjChIKAmNyEgAaACIAKgAyADgAQgASDQoBKioIL21ldHJpY3MaACIA',
    expected: {
      kind: 'ClusterRole',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'cr' },
      rules: [{ verbs: ['*'], nonResourceURLs: ['/metrics'] }],
    },
  },
  {
    command: 'kubectl create clusterrolebinding crb --clusterrole=cr --group=g',
    base64:
      'azhzAAoyChxyYmFjLmF1dGhvcml6YXRpb24uazhzLmlvL3YxEhJDbHVzdGVyUm9sZUJpbmRpbmcSbAoTCgNjcmISABoAIgAqADIAOABCABInCgVHcm91cBIZcmJhYy5hdXRob3JpemF0aW9uLms4cy5pbxoBZyIAGiwKGXJiYWMuYXV0aG9yaXphdGlvbi5rOHMuaW8SC0NsdXN0ZXJSb2xlGgJjchoAIgA=',
    expected: {
      kind: 'ClusterRoleBinding',
      apiVersion: 'rbac.authorization.k8s.io/v1',
      metadata: { name: 'crb' },
      subjects: [{ kind: 'Group', apiGroup: 'rbac.authorization.k8s.io', name: 'g' }],
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'ClusterRole', name: 'cr' },
    },
  },
  {
    command: 'kubectl create service clusterip svc --tcp=80:8080',
    base64:
      'azhzAAoNCgJ2MRIHU2VydmljZRJwCiYKA3N2YxIAGgdkZWZhdWx0IgAqADIAOABCAFoKCgNhcHASA3N2YxJCChsKBzgwLTgwODASA1RDUBhQIgcIABCQPxoAKAASCgoDYXBwEgNzdmMaACIJQ2x1c3RlcklQOgBCAFIAWgBgAGgAGgIKABoAIgA=',
    expected: {
      kind: 'Service',
      apiVersion: 'v1',
      metadata: { name: 'svc', namespace: 'default', labels: { app: 'svc' } },
      spec: {
        ports: [{ name: '80-8080', protocol: 'TCP', port: 80, targetPort: 8080 }],
        selector: { app: 'svc' },
        type: 'ClusterIP',
      },
      status: { loadBalancer: {} },
    },
  },
  {
    command: 'kubectl create service nodeport np --tcp=80:http --node-port=30001',
    base64:
      'azhzAAoNCgJ2MRIHU2VydmljZRJxCiQKAm5wEgAaB2RlZmF1bHQiACoAMgA4AEIAWgkKA2FwcBICbnASRQogCgc4MC1odHRwEgNUQ1AYUCIKCAEQABoEaHR0cCix6gESCQoDYXBwEgJucBoAIghOb2RlUG9ydDoAQgBSAFoAYABoABoCCgAaACIA',
    expected: {
      kind: 'Service',
      apiVersion: 'v1',
      metadata: { name: 'np', namespace: 'default', labels: { app: 'np' } },
      spec: {
        ports: [{ name: '80-http', protocol: 'TCP', port: 80, targetPort: 'http', nodePort: 30001 }],
        selector: { app: 'np' },
        type: 'NodePort',
      },
      status: { loadBalancer: {} },
    },
  },
  {
    command: 'kubectl create cronjob cj --image=busybox --schedule=*/5 * * * * -- date',
    base64:
      'azhzAAoTCghiYXRjaC92MRIHQ3JvbkpvYhKrAQoZCgJjahIAGgdkZWZhdWx0IgAqADIAOABCABKLAQoLKi81ICogKiAqICoaACp6ChIKAmNqEgAaACIAKgAyADgAQgASZDJiChAKABIAGgAiACoAMgA4AEIAEk4SJwoCY2oSB2J1c3lib3gaBGRhdGUqAEIAagByAIABAIgBAJABAKIBABoJT25GYWlsdXJlMgBCAEoAUgBYAGAAaACCAQCKAQCaAQDCAQAaABoAIgA=',
    expected: {
      kind: 'CronJob',
      apiVersion: 'batch/v1',
      metadata: { name: 'cj', namespace: 'default' },
      spec: {
        schedule: '*/5 * * * *',
        jobTemplate: {
          metadata: { name: 'cj' },
          spec: {
            template: {
              metadata: {},
              spec: {
                containers: [{ name: 'cj', image: 'busybox', command: ['date'], resources: {} }],
                restartPolicy: 'OnFailure',
              },
            },
          },
        },
      },
      status: {},
    },
  },
  {
    command: 'kubectl create job j --image=busybox -- date',
    base64:
      'azhzAAoPCghiYXRjaC92MRIDSm9iEoUBChgKAWoSABoHZGVmYXVsdCIAKgAyADgAQgASXzJdChAKABIAGgAiACoAMgA4AEIAEkkSJgoBahIHYnVzeWJveBoEZGF0ZSoAQgBqAHIAgAEAiAEAkAEAogEAGgVOZXZlcjIAQgBKAFIAWABgAGgAggEAigEAmgEAwgEAGgggACgAMAA6ABoAIgA=',
    expected: {
      kind: 'Job',
      apiVersion: 'batch/v1',
      metadata: { name: 'j', namespace: 'default' },
      spec: {
        template: {
          metadata: {},
          spec: {
            containers: [{ name: 'j', image: 'busybox', command: ['date'], resources: {} }],
            restartPolicy: 'Never',
          },
        },
      },
      status: {},
    },
  },
  {
    command: 'kubectl create quota q --hard=cpu=1,memory=1G --scopes=BestEffort',
    base64:
      'azhzAAoTCgJ2MRINUmVzb3VyY2VRdW90YRJGChgKAXESABoHZGVmYXVsdCIAKgAyADgAQgASKAoKCgNjcHUSAwoBMQoOCgZtZW1vcnkSBAoCMUcSCkJlc3RFZmZvcnQaABoAIgA=',
    expected: {
      kind: 'ResourceQuota',
      apiVersion: 'v1',
      metadata: { name: 'q', namespace: 'default' },
      spec: { hard: { cpu: '1', memory: '1G' }, scopes: ['BestEffort'] },
      status: {},
    },
  },
  {
    command: 'kubectl create priorityclass pc --value=1000 --preemption-policy=Never',
    base64:
      'azhzAAolChRzY2hlZHVsaW5nLms4cy5pby92MRINUHJpb3JpdHlDbGFzcxIiChIKAnBjEgAaACIAKgAyADgAQgAQ6AcYACIAKgVOZXZlchoAIgA=',
    expected: {
      kind: 'PriorityClass',
      apiVersion: 'scheduling.k8s.io/v1',
      metadata: { name: 'pc' },
      value: 1000,
      preemptionPolicy: 'Never',
    },
  },
  {
    command: 'kubectl create ingress ing --rule=foo.com/bar*=svc:80,tls=x',
    base64:
      'azhzAAofChRuZXR3b3JraW5nLms4cy5pby92MRIHSW5ncmVzcxJeChoKA2luZxIAGgdkZWZhdWx0IgAqADIAOABCABI8EgwKB2Zvby5jb20SAXgaLAoHZm9vLmNvbRIhCh8KHQoEL2JhchINIgsKA3N2YxIECgAQUBoGUHJlZml4GgIKABoAIgA=',
    expected: {
      kind: 'Ingress',
      apiVersion: 'networking.k8s.io/v1',
      metadata: { name: 'ing', namespace: 'default' },
      spec: {
        tls: [{ hosts: ['foo.com'], secretName: 'x' }],
        rules: [
          {
            host: 'foo.com',
            http: {
              paths: [
                {
                  path: '/bar',
                  pathType: 'Prefix',
                  backend: { service: { name: 'svc', port: { number: 80 } } },
                },
              ],
            },
          },
        ],
      },
      status: { loadBalancer: {} },
    },
  },
  {
    command: 'kubectl create pdb pdb --selector=app=x --min-available=50%',
    base64:
      'azhzAAogCglwb2xpY3kvdjESE1BvZERpc3J1cHRpb25CdWRnZXQSQQoaCgNwZGISABoHZGVmYXVsdCIAKgAyADgAQgASFwoJCAEQABoDNTAlEgoKCAoDYXBwEgF4GgoIABgAIAAoADAAGgAiAA==',
    expected: {
      kind: 'PodDisruptionBudget',
      apiVersion: 'policy/v1',
      metadata: { name: 'pdb', namespace: 'default' },
      spec: { minAvailable: '50%', selector: { matchLabels: { app: 'x' } } },
      status: { disruptionsAllowed: 0, currentHealthy: 0, desiredHealthy: 0, expectedPods: 0 },
    },
  },
  {
    command: 'kubectl create token robot --duration=1h',
    base64:
      'azhzAAooChhhdXRoZW50aWNhdGlvbi5rOHMuaW8vdjESDFRva2VuUmVxdWVzdBIdChAKABIAGgAiACoAMgA4AEIAEgMgkBwaBAoAEgAaACIA',
    expected: {
      apiVersion: 'authentication.k8s.io/v1',
      kind: 'TokenRequest',
      metadata: {},
      spec: { expirationSeconds: 3600 },
      status: { token: '' },
    },
  },
  {
    command: 'kubectl certificate approve csr1',
    base64:
      'azhzAAozChZjZXJ0aWZpY2F0ZXMuazhzLmlvL3YxEhlDZXJ0aWZpY2F0ZVNpZ25pbmdSZXF1ZXN0EpoBChQKBGNzcjESABoAIgAqADIAOABCABIbCgNhYmMSABoAKgtjbGllbnQgYXV0aDoDeC95GmUKYwoIQXBwcm92ZWQSDkt1YmVjdGxBcHByb3ZlGjVUaGlzIENTUiB3YXMgYXBwcm92ZWQgYnkga3ViZWN0bCBjZXJ0aWZpY2F0ZSBhcHByb3ZlLiIICIjKhdgGEAAqADIEVHJ1ZRoAIgA=',
    expected: {
      apiVersion: 'certificates.k8s.io/v1',
      kind: 'CertificateSigningRequest',
      metadata: { name: 'csr1' },
      spec: { request: 'YWJj', usages: ['client auth'], signerName: 'x/y' },
      status: {
        conditions: [
          {
            type: 'Approved',
            reason: 'KubectlApprove',
            message: 'This CSR was approved by kubectl certificate approve.',
            lastUpdateTime: '2026-11-21T09:31:52Z',
            status: 'True',
          },
        ],
      },
    },
  },
  {
    command: 'kubectl auth can-i get pods',
    base64:
      'azhzAAoyChdhdXRob3JpemF0aW9uLms4cy5pby92MRIXU2VsZlN1YmplY3RBY2Nlc3NSZXZpZXcSPAoQCgASABoAIgAqADIAOABCABIeChwKB2RlZmF1bHQSA2dldBoAIgAqBHBvZHMyADoAGggIABIAGgAgABoAIgA=',
    expected: {
      apiVersion: 'authorization.k8s.io/v1',
      kind: 'SelfSubjectAccessReview',
      metadata: {},
      spec: { resourceAttributes: { namespace: 'default', verb: 'get', resource: 'pods' } },
      status: { allowed: false },
    },
  },
];
