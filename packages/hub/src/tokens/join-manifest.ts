/**
 * A join string as deploy/klusterlet reads it: a Secret in the klusterlet's namespace. It goes through a pipe into
 * kubectl, not through a URL: a URL with the token in it would stand in histories and logs, and kubectl would not
 * trust the hub's own CA behind it. Pure.
 */
const namespace = 'open-cluster-management-agent';

/** JSON of a List that `kubectl apply -f -` takes. Holds the token: it is for the managed cluster's eyes only. */
export function joinManifest(joinString: string): string {
  return JSON.stringify(
    {
      apiVersion: 'v1',
      kind: 'List',
      items: [
        { apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } },
        {
          apiVersion: 'v1',
          kind: 'Secret',
          metadata: { name: 'klusterlet-join', namespace },
          type: 'Opaque',
          stringData: { 'join-string': joinString },
        },
      ],
    },
    undefined,
    2,
  );
}
