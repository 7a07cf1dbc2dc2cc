/**
 * Which of the loops beside the API server run: kube-controller-manager's `--controllers`, read here and asked by
 * whoever starts loops. What a kube-apiserver does by itself (events expire, the Service `kubernetes`) is no
 * controller in this sense and always runs. Pure.
 */

export const controllerNames = [
  'certificatesigningrequest-signing-controller',
  'clusterrole-aggregation-controller',
  'garbage-collector-controller',
  'namespace-controller',
  'resourcequota-controller',
  'root-ca-certificate-publisher-controller',
  'serviceaccount-controller',
  'serviceaccount-token-controller',
  'token-cleaner-controller',
  'validatingadmissionpolicy-status-controller',
  'workload-simulator',
] as const;

export type ControllerName = (typeof controllerNames)[number];

/** Says whether a controller runs. */
export type ControllerSelection = (name: ControllerName) => boolean;

export const allControllers: ControllerSelection = () => true;
export const noControllers: ControllerSelection = () => false;

/** Names that kube-controller-manager had until 1.28 and still takes. */
const aliases: ReadonlyMap<string, ControllerName> = new Map([
  ['csrsigning', 'certificatesigningrequest-signing-controller'],
  ['clusterrole-aggregation', 'clusterrole-aggregation-controller'],
  ['garbagecollector', 'garbage-collector-controller'],
  ['namespace', 'namespace-controller'],
  ['resourcequota', 'resourcequota-controller'],
  ['root-ca-cert-publisher', 'root-ca-certificate-publisher-controller'],
  ['serviceaccount', 'serviceaccount-controller'],
  ['serviceaccount-token', 'serviceaccount-token-controller'],
  ['tokencleaner', 'token-cleaner-controller'],
  ['validatingadmissionpolicy-status', 'validatingadmissionpolicy-status-controller'],
]);

/**
 * Reads `*,-namespace-controller`, `namespace-controller,csrsigning` or `-*` (none): `*` stands for all that are not
 * named, a name alone turns one on, `-name` turns it off; what stands first counts.
 * @throws Error naming what is no controller, and those that there are.
 */
export function parseControllers(text: string): ControllerSelection {
  const named = new Map<ControllerName, boolean>();
  let others: boolean | undefined;
  for (const word of text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')) {
    const isOn = !word.startsWith('-');
    const name = isOn ? word : word.slice(1);
    if (name === '*') {
      others ??= isOn;
      continue;
    }
    const controller = aliases.get(name) ?? controllerNames.find((known) => known === name);
    if (controller === undefined) {
      throw new Error(
        `${JSON.stringify(name)} is not a controller of this server; there are ${controllerNames.join(', ')}`,
      );
    }
    if (!named.has(controller)) named.set(controller, isOn);
  }
  return (name) => named.get(name) ?? others ?? false;
}
