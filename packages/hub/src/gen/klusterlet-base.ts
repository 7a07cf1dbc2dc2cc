// Generated from deploy/klusterlet by `npm run generate`. Do not edit.
export const klusterletBase: readonly object[] = [
  {
    "apiVersion": "v1",
    "kind": "Namespace",
    "metadata": {
      "name": "open-cluster-management-agent"
    }
  },
  {
    "apiVersion": "v1",
    "kind": "ServiceAccount",
    "metadata": {
      "name": "klusterlet",
      "namespace": "open-cluster-management-agent"
    }
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {
      "name": "open-cluster-management:klusterlet:agent"
    },
    "rules": [
      {
        "apiGroups": [
          "work.open-cluster-management.io"
        ],
        "resources": [
          "appliedmanifestworks"
        ],
        "verbs": [
          "get",
          "list",
          "watch",
          "create",
          "update",
          "patch",
          "delete"
        ]
      },
      {
        "apiGroups": [
          "work.open-cluster-management.io"
        ],
        "resources": [
          "appliedmanifestworks/status"
        ],
        "verbs": [
          "patch",
          "update"
        ]
      },
      {
        "apiGroups": [
          "cluster.open-cluster-management.io"
        ],
        "resources": [
          "clusterclaims"
        ],
        "verbs": [
          "get",
          "list",
          "watch"
        ]
      },
      {
        "apiGroups": [
          "apiextensions.k8s.io"
        ],
        "resources": [
          "customresourcedefinitions"
        ],
        "verbs": [
          "get",
          "list",
          "watch",
          "create"
        ]
      },
      {
        "apiGroups": [
          "apiextensions.k8s.io"
        ],
        "resources": [
          "customresourcedefinitions"
        ],
        "resourceNames": [
          "appliedmanifestworks.work.open-cluster-management.io",
          "clusterclaims.cluster.open-cluster-management.io"
        ],
        "verbs": [
          "patch"
        ]
      },
      {
        "apiGroups": [
          ""
        ],
        "resources": [
          "nodes"
        ],
        "verbs": [
          "get",
          "list",
          "watch"
        ]
      },
      {
        "apiGroups": [
          "coordination.k8s.io"
        ],
        "resources": [
          "leases"
        ],
        "verbs": [
          "get"
        ]
      },
      {
        "apiGroups": [
          "authorization.k8s.io"
        ],
        "resources": [
          "subjectaccessreviews"
        ],
        "verbs": [
          "create"
        ]
      },
      {
        "apiGroups": [
          ""
        ],
        "resources": [
          "serviceaccounts"
        ],
        "verbs": [
          "impersonate"
        ]
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {
      "name": "open-cluster-management:klusterlet:agent"
    },
    "roleRef": {
      "apiGroup": "rbac.authorization.k8s.io",
      "kind": "ClusterRole",
      "name": "open-cluster-management:klusterlet:agent"
    },
    "subjects": [
      {
        "kind": "ServiceAccount",
        "name": "klusterlet",
        "namespace": "open-cluster-management-agent"
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "Role",
    "metadata": {
      "name": "open-cluster-management:klusterlet:agent",
      "namespace": "open-cluster-management-agent"
    },
    "rules": [
      {
        "apiGroups": [
          ""
        ],
        "resources": [
          "secrets"
        ],
        "verbs": [
          "get",
          "create",
          "patch",
          "delete"
        ]
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "RoleBinding",
    "metadata": {
      "name": "open-cluster-management:klusterlet:agent",
      "namespace": "open-cluster-management-agent"
    },
    "roleRef": {
      "apiGroup": "rbac.authorization.k8s.io",
      "kind": "Role",
      "name": "open-cluster-management:klusterlet:agent"
    },
    "subjects": [
      {
        "kind": "ServiceAccount",
        "name": "klusterlet",
        "namespace": "open-cluster-management-agent"
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {
      "name": "open-cluster-management:klusterlet:execution",
      "labels": {
        "open-cluster-management.io/aggregate-to-work": "true"
      }
    },
    "rules": [
      {
        "apiGroups": [
          ""
        ],
        "resources": [
          "namespaces"
        ],
        "verbs": [
          "get",
          "list",
          "watch",
          "create",
          "update",
          "patch",
          "delete"
        ]
      },
      {
        "apiGroups": [
          "apiextensions.k8s.io"
        ],
        "resources": [
          "customresourcedefinitions"
        ],
        "verbs": [
          "get",
          "list",
          "watch",
          "create",
          "update",
          "patch",
          "delete"
        ]
      },
      {
        "apiGroups": [
          "rbac.authorization.k8s.io"
        ],
        "resources": [
          "roles",
          "rolebindings",
          "clusterroles",
          "clusterrolebindings"
        ],
        "verbs": [
          "get",
          "list",
          "watch",
          "create",
          "update",
          "patch",
          "delete"
        ]
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {
      "name": "open-cluster-management:klusterlet:aggregate"
    },
    "aggregationRule": {
      "clusterRoleSelectors": [
        {
          "matchLabels": {
            "open-cluster-management.io/aggregate-to-work": "true"
          }
        }
      ]
    },
    "rules": []
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {
      "name": "open-cluster-management:klusterlet:aggregate"
    },
    "roleRef": {
      "apiGroup": "rbac.authorization.k8s.io",
      "kind": "ClusterRole",
      "name": "open-cluster-management:klusterlet:aggregate"
    },
    "subjects": [
      {
        "kind": "ServiceAccount",
        "name": "klusterlet",
        "namespace": "open-cluster-management-agent"
      }
    ]
  },
  {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRoleBinding",
    "metadata": {
      "name": "open-cluster-management:klusterlet:admin"
    },
    "roleRef": {
      "apiGroup": "rbac.authorization.k8s.io",
      "kind": "ClusterRole",
      "name": "admin"
    },
    "subjects": [
      {
        "kind": "ServiceAccount",
        "name": "klusterlet",
        "namespace": "open-cluster-management-agent"
      }
    ]
  },
  {
    "apiVersion": "v1",
    "kind": "PersistentVolumeClaim",
    "metadata": {
      "name": "klusterlet-data",
      "namespace": "open-cluster-management-agent"
    },
    "spec": {
      "accessModes": [
        "ReadWriteOnce"
      ],
      "resources": {
        "requests": {
          "storage": "100Mi"
        }
      }
    }
  },
  {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {
      "name": "klusterlet",
      "labels": {
        "app": "klusterlet"
      },
      "namespace": "open-cluster-management-agent"
    },
    "spec": {
      "replicas": 1,
      "strategy": {
        "type": "Recreate"
      },
      "selector": {
        "matchLabels": {
          "app": "klusterlet"
        }
      },
      "template": {
        "metadata": {
          "labels": {
            "app": "klusterlet"
          }
        },
        "spec": {
          "serviceAccountName": "klusterlet",
          "securityContext": {
            "runAsNonRoot": true,
            "runAsUser": 65532,
            "runAsGroup": 65532,
            "fsGroup": 65532,
            "seccompProfile": {
              "type": "RuntimeDefault"
            }
          },
          "containers": [
            {
              "name": "klusterlet",
              "image": "flotilla-klusterlet:0.1.0",
              "args": [
                "join",
                "--join-file=/join/join-string",
                "--data-dir=/data/klusterlet"
              ],
              "securityContext": {
                "allowPrivilegeEscalation": false,
                "readOnlyRootFilesystem": true,
                "capabilities": {
                  "drop": [
                    "ALL"
                  ]
                }
              },
              "resources": {
                "requests": {
                  "cpu": "10m",
                  "memory": "64Mi"
                }
              },
              "volumeMounts": [
                {
                  "name": "data",
                  "mountPath": "/data"
                },
                {
                  "name": "join",
                  "mountPath": "/join",
                  "readOnly": true
                }
              ]
            }
          ],
          "volumes": [
            {
              "name": "data",
              "persistentVolumeClaim": {
                "claimName": "klusterlet-data"
              }
            },
            {
              "name": "join",
              "secret": {
                "secretName": "klusterlet-join",
                "optional": true,
                "defaultMode": 288
              }
            }
          ]
        }
      }
    }
  }
];
