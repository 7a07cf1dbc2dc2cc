// deploy/klusterlet as code, for the hub that hands it out with an invitation: the objects that `kubectl kustomize`
// would print (YAML 1.1, as kubectl reads it), each in the base's namespace. Used by `generate.mjs`; test-e2e/src/join-url.test.ts compares the two.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parse, parseAllDocuments } from 'yaml';

const root = path.dirname(path.dirname(fileURLToPath(import.meta.url)));
const source = path.join('deploy', 'klusterlet');
const withoutNamespace = new Set(['Namespace', 'ClusterRole', 'ClusterRoleBinding']);

/** [path from the root, text]. @throws Error when the base uses more of kustomize than a list of resources. */
export function generateKlusterletBase() {
  const read = (name) => readFileSync(path.join(root, source, name), 'utf8');
  const { apiVersion: _, kind: __, namespace, resources, ...more } = parse(read('kustomization.yaml'));
  const unknown = Object.keys(more);
  if (unknown.length > 0) throw new Error(`${source}: ${unknown.join(', ')} of kustomize is not known here`);
  const objects = resources.flatMap((name) =>
    parseAllDocuments(read(name), { version: '1.1' }).map((each) => each.toJS()),
  );
  const placed = objects.map((object) =>
    withoutNamespace.has(object.kind)
      ? object
      : { ...object, metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace } },
  );
  const header = `// Generated from ${source} by \`npm run generate\`. Do not edit.\n`;
  const text = `${header}export const klusterletBase: readonly object[] = ${JSON.stringify(placed, undefined, 2)};\n`;
  return [path.join('packages', 'hub', 'src', 'gen', 'klusterlet-base.ts'), text];
}
