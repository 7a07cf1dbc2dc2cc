/**
 * Admission plugins that complete pods and volume claims from other objects: Priority (PriorityClass into numbers),
 * ServiceAccount (its pull secrets; one that is named must exist), DefaultStorageClass. Behaviour and texts of k8s
 * plugin/pkg/admission. The account `default` is not waited for: nothing here mounts its token.
 */
import { isObject, type KubeObject, newForbidden } from '@flotilla/api';
import type { ObjectReader } from '../../authentication/object-reader.js';
import { at, ensure, listAt, numberAt, objectAt, textAt } from '../../builtin/access.js';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';

function isCreateOf({ definition, operation, subresource }: AdmissionAttributes, resource: string): boolean {
  return (
    operation === 'CREATE' &&
    subresource === undefined &&
    definition.group === '' &&
    definition.resource === resource
  );
}

function refuse({ definition, name, object }: AdmissionAttributes, why: string): Error {
  const { group, resource } = definition;
  return newForbidden({ group, resource, name: name || (object?.metadata.generateName ?? '') }, why);
}

const scheduling = 'scheduling.k8s.io';

export function createPriority(reader: ObjectReader): AdmissionPlugin {
  const classes = (): readonly KubeObject[] => reader.list(scheduling, 'priorityclasses');
  const defaultClass = (): KubeObject | undefined =>
    classes()
      .filter((one) => one['globalDefault'] === true)
      .sort((a, b) => numberAt(a, 'value') - numberAt(b, 'value'))[0];
  return {
    name: 'Priority',
    handles: (attributes) =>
      isCreateOf(attributes, 'pods') ||
      (attributes.definition.group === scheduling && attributes.definition.resource === 'priorityclasses'),
    admit: (attributes) => {
      const { object } = attributes;
      if (object === undefined || !isCreateOf(attributes, 'pods')) return;
      const spec = ensure(object, 'spec');
      const named = textAt(spec, 'priorityClassName');
      const found = named === '' ? defaultClass() : classes().find(({ metadata }) => metadata.name === named);
      if (found === undefined && named !== '') {
        throw refuse(attributes, `no PriorityClass with name ${named} was found`);
      }
      const value = numberAt(found, 'value');
      if (typeof spec['priority'] === 'number' && spec['priority'] !== value) {
        throw refuse(
          attributes,
          `the integer value of priority (${spec['priority']}) must not be provided in pod spec; priority admission controller computed ${value} from the given PriorityClass name`,
        );
      }
      spec['priority'] = value;
      if (found === undefined) return;
      spec['priorityClassName'] = found.metadata.name ?? '';
      const policy = textAt(found, 'preemptionPolicy');
      if (policy !== '') spec['preemptionPolicy'] ??= policy;
    },
    validate: (attributes) => {
      const { definition, object, operation } = attributes;
      if (definition.group !== scheduling || object?.['globalDefault'] !== true || operation === 'DELETE')
        return;
      const other = defaultClass();
      if (other === undefined || other.metadata.name === object.metadata.name) return;
      throw refuse(
        attributes,
        `PriorityClass ${other.metadata.name} is already marked as default. Only one default can exist`,
      );
    },
  };
}

export function createServiceAccountPlugin(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'ServiceAccount',
    handles: (attributes) => isCreateOf(attributes, 'pods'),
    admit: (attributes) => {
      const { object, namespace = '' } = attributes;
      // A mirror of a static pod has no account.
      if (object === undefined || object.metadata.annotations?.['kubernetes.io/config.mirror'] !== undefined)
        return;
      const spec = ensure(object, 'spec');
      const name = textAt(spec, 'serviceAccountName') || textAt(spec, 'serviceAccount') || 'default';
      const account = reader.get('', 'serviceaccounts', { namespace, name });
      if (account === undefined) {
        if (name === 'default') return;
        throw refuse(
          attributes,
          `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
        );
      }
      const secrets = listAt(account, 'imagePullSecrets').filter(isObject);
      if (secrets.length > 0 && listAt(spec, 'imagePullSecrets').length === 0) {
        spec['imagePullSecrets'] = secrets.map((secret) => ({ ...secret }));
      }
    },
  };
}

const defaultAnnotations = [
  'storageclass.kubernetes.io/is-default-class',
  'storageclass.beta.kubernetes.io/is-default-class',
];

export function createDefaultStorageClass(reader: ObjectReader): AdmissionPlugin {
  return {
    name: 'DefaultStorageClass',
    handles: (attributes) => isCreateOf(attributes, 'persistentvolumeclaims'),
    admit: ({ object }) => {
      if (object === undefined) return;
      const spec = ensure(object, 'spec');
      const annotated = object.metadata.annotations?.['volume.beta.kubernetes.io/storage-class'];
      // An empty name is a wish, too: none.
      if (typeof at(spec, 'storageClassName') === 'string' || annotated !== undefined) return;
      const [newest] = reader
        .list('storage.k8s.io', 'storageclasses')
        .filter(({ metadata }) => defaultAnnotations.some((key) => metadata.annotations?.[key] === 'true'))
        .sort(byAge);
      if (newest !== undefined) spec['storageClassName'] = newest.metadata.name ?? '';
    },
  };
}

/** The newest first; of one second by name. */
function byAge(a: KubeObject, b: KubeObject): number {
  const [left, right] = [a, b].map((one) => textAt(objectAt(one, 'metadata'), 'creationTimestamp'));
  if (left !== right) return (left ?? '') > (right ?? '') ? -1 : 1;
  return (a.metadata.name ?? '') < (b.metadata.name ?? '') ? -1 : 1;
}
