// What `kubectl apply --server-side -f` does, with the project's own client, for machines without kubectl.
import { parseYaml } from '@flotilla/api';
import { createClient, createDiscovery, toRef } from '@flotilla/kube';
import { createNodeEnv, transportFromKubeconfig } from '@flotilla/kube/node';

/** Returns a line for each object. */
export async function applyWithOwnClient(kubeconfig, yaml) {
  const env = createNodeEnv({ logLevel: 'error' });
  const { transport } = await transportFromKubeconfig({ file: kubeconfig }, { env });
  try {
    const client = createClient(transport, { userAgent: 'flotilla-demo' });
    const discovery = createDiscovery(client, { env });
    const lines = [];
    for (const object of parseYaml(yaml)) {
      const [version, group = ''] = object.apiVersion.split('/').reverse();
      const served = await discovery.lookup({ group, version, kind: object.kind });
      if (served === undefined)
        throw new Error(`the hub does not serve ${object.kind} in ${object.apiVersion}`);
      const ref = toRef(served);
      const { name, namespace } = object.metadata;
      await client.patch(
        ref,
        { name, namespace },
        { type: 'apply', body: object, fieldManager: 'flotilla-demo', force: true },
      );
      lines.push(`${ref.resource}.${group}/${name} applied`);
    }
    return lines.join('\n');
  } finally {
    await transport.close();
  }
}
