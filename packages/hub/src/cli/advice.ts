/** What a user can do about what a managed cluster says, by the words of its API server and kubelet. Pure. */

/** The more telling patterns first. */
const advices: readonly (readonly [pattern: RegExp, advice: string])[] = [
  [
    /error: permission escalation/,
    "it grants more than the work's executor has: give that service account the same permissions, or the verbs escalate and bind",
  ],
  [
    /not allowed to apply the resource/,
    "let the work's executor get, create, update, patch it, and delete it unless the work orphans it: by a Role and a RoleBinding for its service account in the managed cluster",
  ],
  [
    /cannot impersonate resource/,
    'let the klusterlet impersonate the executor: it needs the verb impersonate on serviceaccounts in the managed cluster',
  ],
  [
    /forbidden: User "[^"]*" cannot/,
    'give that user the permission in the managed cluster, or name an executor that has it',
  ],
  [/exceeded quota/, 'raise the ResourceQuota of the namespace in the managed cluster, or ask for less'],
  [
    /admission webhook "[^"]*" denied/,
    'change what the webhook of the managed cluster objects to, or its rules',
  ],
  [/failed calling webhook/, 'see whether the service behind the webhook runs in the managed cluster'],
  [/ValidatingAdmissionPolicy/, 'change what the policy of the managed cluster objects to, or its binding'],
  [
    /field is immutable|may not be changed|updates to .* are forbidden/,
    'this field cannot be changed: give the object another name, or delete it in the managed cluster so that it is made anew',
  ],
  [
    /conflicts? with "|Apply failed with \d+ conflict/,
    'another manager holds the field: take it out of the manifest, add it to ignoreFields, or set force in the update strategy',
  ],
  [
    /namespaces? "[^"]*" not found/,
    'add the Namespace to the work, before or beside what lives in it, or create it in the managed cluster',
  ],
  [
    /doesn't have a resource type|none of the offered versions|no matches for kind/,
    'put the CustomResourceDefinition into a work, or offer the object in a version that the cluster serves',
  ],
  [
    /is invalid:|Invalid value|Required value|unknown field|strict decoding/,
    'correct the field in the manifest',
  ],
  [/request is too large|Request entity too large/, 'split the object: the managed cluster takes no more'],
  [
    /ImagePullBackOff|ErrImagePull|InvalidImageName|ErrImageNeverPull/,
    "check the image's name and tag, and the pull secret of the pod's service account",
  ],
  [
    /CreateContainerConfigError/,
    'check the ConfigMaps and Secrets that the container names: one is missing, or one of its keys',
  ],
  [/OOMKilled/, "raise the container's memory limit, or let it use less"],
  [
    /CrashLoopBackOff|crashes again|exit code [1-9]/,
    "the container ends by itself: see its logs in the managed cluster ('kubectl logs --previous')",
  ],
  [
    /Unschedulable|FailedScheduling|Insufficient (cpu|memory)|nodes are available/,
    'no node fits: lower the requests, change selectors and tolerations, or add a node',
  ],
  [/claim is not bound|ProvisioningFailed|unbound immediate/, 'check the storage class and its provisioner'],
  [/load balancer has no address/, 'the cluster needs a controller that serves load balancers'],
  [/held by the finalizers/, 'whoever set the finalizer has to remove it; it is not ours'],
  [
    /waits until what it owns is gone/,
    "something that the object owns is still there, such as pods that end slowly: see 'kubectl get' in the managed cluster",
  ],
  [
    /applies the same object with other values and was first/,
    'two works want different values in one object: take it out of one of them, or make its values the same',
  ],
  [/is being emptied/, 'something in the namespace cannot be deleted: its conditions say what'],
  [
    /made no progress within its deadline|ProgressDeadlineExceeded/,
    'see why the new pods do not become ready',
  ],
];

/** Undefined when nothing better can be said than what was said. */
export function adviceFor(message: string): string | undefined {
  return advices.find(([pattern]) => pattern.test(message))?.[1];
}
