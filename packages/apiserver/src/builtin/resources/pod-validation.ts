/**
 * Checks of pod specs that clusters answer with 422 and that users meet: names of containers and volumes, mounts,
 * images, restart policy. Types and closed sets are the schema's work. Pure.
 */
import { dnsLabelFaults, type FieldError, fieldErrors, type JsonObject, validateLabels } from '@flotilla/api';
import { listAt, numberAt, objectAt, objectsAt, textAt } from '../access.js';

const { duplicate, forbidden, invalid, notSupported, required } = fieldErrors;

export interface PodTemplateOptions {
  /** Path of the template. */
  readonly field: string;
  /** What its controller can work with. */
  readonly restartPolicies: readonly string[];
}

/** A workload's template. */
export function validatePodTemplate(
  template: JsonObject,
  { field, restartPolicies }: PodTemplateOptions,
): FieldError[] {
  const spec = objectAt(template, 'spec');
  const errors = validatePodSpec(spec, `${field}.spec`);
  const labels = objectAt(template, 'metadata', 'labels') as Record<string, string>; // types were checked
  errors.push(...validateLabels(labels, `${field}.labels`));
  const policy = textAt(spec, 'restartPolicy');
  if (!restartPolicies.includes(policy)) {
    errors.push(
      policy === ''
        ? required(
            `${field}.spec.restartPolicy`,
            `valid values: ${restartPolicies.map((value) => `"${value}"`).join(', ')}`,
          )
        : notSupported(`${field}.spec.restartPolicy`, policy, restartPolicies),
    );
  }
  return errors;
}

export function validatePodSpec(spec: JsonObject, field: string): FieldError[] {
  const errors: FieldError[] = [];
  if (listAt(spec, 'containers').length === 0) errors.push(required(`${field}.containers`));
  const volumes = volumeNames(spec, { field, errors });
  const names = new Set<string>();
  for (const list of ['initContainers', 'containers']) {
    objectsAt(spec, list).forEach((container, index) => {
      validateContainer(container, { field: `${field}.${list}[${index}]`, names, volumes, errors });
    });
  }
  if (spec['hostNetwork'] === undefined && spec['dnsPolicy'] === 'None') {
    if (listAt(spec, 'dnsConfig', 'nameservers').length === 0) {
      errors.push(
        required(
          `${field}.dnsConfig.nameservers`,
          'must provide at least one DNS nameserver when `dnsPolicy` is None',
        ),
      );
    }
  }
  if (numberAt(spec, 'terminationGracePeriodSeconds') < 0) {
    errors.push(
      invalid(
        `${field}.terminationGracePeriodSeconds`,
        spec['terminationGracePeriodSeconds'],
        'must be greater than or equal to 0',
      ),
    );
  }
  return errors;
}

function volumeNames(
  spec: JsonObject,
  { field, errors }: { field: string; errors: FieldError[] },
): Set<string> {
  const names = new Set<string>();
  objectsAt(spec, 'volumes').forEach((volume, index) => {
    const path = `${field}.volumes[${index}]`;
    const name = textAt(volume, 'name');
    if (name === '') errors.push(required(`${path}.name`));
    else {
      for (const fault of dnsLabelFaults(name)) errors.push(invalid(`${path}.name`, name, fault));
      if (names.has(name)) errors.push(duplicate(`${path}.name`, name));
    }
    names.add(name);
    const sources = Object.keys(volume).filter((key) => key !== 'name');
    for (const extra of sources.slice(1)) {
      errors.push(forbidden(`${path}.${extra}`, 'may not specify more than 1 volume type'));
    }
  });
  return names;
}

interface ContainerContext {
  readonly field: string;
  /** Names seen so far in the pod. */
  readonly names: Set<string>;
  readonly volumes: ReadonlySet<string>;
  readonly errors: FieldError[];
}

function validateContainer(container: JsonObject, { field, names, volumes, errors }: ContainerContext): void {
  const name = textAt(container, 'name');
  if (name === '') errors.push(required(`${field}.name`));
  else {
    for (const fault of dnsLabelFaults(name)) errors.push(invalid(`${field}.name`, name, fault));
    if (names.has(name)) errors.push(duplicate(`${field}.name`, name));
    names.add(name);
  }
  const image = textAt(container, 'image');
  if (image === '') errors.push(required(`${field}.image`));
  else if (image !== image.trim()) {
    errors.push(invalid(`${field}.image`, image, 'must not have leading or trailing whitespace'));
  }
  objectsAt(container, 'ports').forEach((port, index) => {
    const path = `${field}.ports[${index}].containerPort`;
    const number = numberAt(port, 'containerPort');
    if (number === 0) errors.push(required(path));
    else if (number < 1 || number > 65_535) {
      errors.push(invalid(path, number, 'must be between 1 and 65535, inclusive'));
    }
  });
  objectsAt(container, 'env').forEach((variable, index) => {
    if (textAt(variable, 'name') === '') errors.push(required(`${field}.env[${index}].name`));
  });
  const paths = new Set<string>();
  objectsAt(container, 'volumeMounts').forEach((mount, index) => {
    const path = `${field}.volumeMounts[${index}]`;
    const volume = textAt(mount, 'name');
    if (volume === '') errors.push(required(`${path}.name`));
    else if (!volumes.has(volume)) {
      errors.push({
        field: `${path}.name`,
        reason: 'FieldValueNotFound',
        message: `Not found: ${JSON.stringify(volume)}`,
      });
    }
    const mountPath = textAt(mount, 'mountPath');
    if (mountPath === '') errors.push(required(`${path}.mountPath`));
    else if (paths.has(mountPath)) errors.push(invalid(`${path}.mountPath`, mountPath, 'must be unique'));
    paths.add(mountPath);
  });
}
