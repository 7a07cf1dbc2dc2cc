/**
 * Admission plugin ResourceQuota: refuses what would exceed a quota of the namespace, and notes what is used in the
 * quota's status before the object is stored, under that quota's resourceVersion, so that several servers on one store
 * cannot both take the last place. What was noted and then not stored, the controller puts right. Writes of one namespace
 * are checked one after the other. Runs last.
 */
import { hasReason, type KubeObject, newForbidden, newInternalError } from '@flotilla/api';
import type { KubeClient, ResourceRef } from '@flotilla/kube';
import type { ObjectReader } from '../../authentication/object-reader.js';
import type { ResourceRegistry } from '../../registry/resource-registry.js';
import { storageRef } from '../../registry/versions.js';
import type { AdmissionAttributes, AdmissionPlugin } from '../admission.js';
import { writeAmounts } from './amounts.js';
import { measureUsage } from './measure.js';
import type { PendingUsage } from './pending-usage.js';
import { checkQuotas, type QuotaState, readQuota } from './quota-check.js';
import { isCountedBy } from './usage.js';

export const resourceQuotas: ResourceRef = {
  group: '',
  version: 'v1',
  resource: 'resourcequotas',
  namespaced: true,
};

export interface QuotaPluginOptions {
  readonly reader: ObjectReader;
  readonly registry: ResourceRegistry;
  readonly pending: PendingUsage;
  /** Of the server's own user. */
  readonly client: () => KubeClient;
}

/** Each loss of a race means that another write got through. */
const maxAttempts = 50;

export function createQuotaPlugin(options: QuotaPluginOptions): AdmissionPlugin {
  return {
    name: 'ResourceQuota',
    handles: ({ operation, definition, subresource, namespace }) =>
      namespace !== undefined &&
      definition.namespaced &&
      (operation === 'CREATE' ? subresource === undefined : isResizing(operation, definition, subresource)) &&
      options.reader.list('', 'resourcequotas', namespace).length > 0,
    validate: (attributes) =>
      options.pending.exclusively(attributes.namespace ?? '', () => checkWrite(options, attributes)),
  };
}

/** Updates that may need more than before. */
function isResizing(
  operation: string,
  { group, resource }: AdmissionAttributes['definition'],
  subresource: string | undefined,
): boolean {
  if (operation !== 'UPDATE' || group !== '') return false;
  if (resource === 'pods') return subresource === 'resize';
  return subresource === undefined && (resource === 'services' || resource === 'persistentvolumeclaims');
}

async function checkWrite(options: QuotaPluginOptions, attributes: AdmissionAttributes): Promise<void> {
  const { definition, namespace = '', object, oldObject, dryRun } = attributes;
  if (object === undefined) return;
  const counted = storageRef(definition);
  let isNoted = false;
  let quotas = options.reader.list('', 'resourcequotas', namespace);
  for (let attempt = 0; attempt < maxAttempts; attempt++) {
    const states = new Map<QuotaState, KubeObject>();
    for (const quota of quotas) {
      const state = readQuota(quota, (hard) => measureUsage(quota, hard, options));
      if ([...state.hard.keys()].some((name) => isCountedBy(name, counted))) states.set(state, quota);
    }
    const verdict = checkQuotas([...states.keys()], { counted, object, old: oldObject });
    if ('refusal' in verdict) throw refusal(attributes, verdict.refusal);
    if (dryRun) return;
    isNoted ||= verdict.changes.length > 0;
    const lost: KubeObject[] = [];
    for (const { quota, used } of verdict.changes) {
      const stored = states.get(quota);
      if (stored === undefined) continue;
      const status = { hard: writeAmounts(quota.hard), used: writeAmounts(used) };
      if (!(await noteUsage(options, { ...stored, status }))) lost.push(stored);
    }
    if (lost.length === 0) {
      if (isNoted) options.pending.note(namespace, { counted, object, old: oldObject });
      return;
    }
    // Those that were noted stand; the others are looked at as they are now.
    quotas = await readAgain(options, lost);
  }
  throw newInternalError(`the quotas of namespace ${namespace} change too fast`);
}

/** False: somebody else has written the quota meanwhile. */
async function noteUsage({ client }: QuotaPluginOptions, quota: KubeObject): Promise<boolean> {
  try {
    await client().update(resourceQuotas, quota, { subresource: 'status' });
    return true;
  } catch (error) {
    if (hasReason(error, 'Conflict')) return false;
    if (hasReason(error, 'NotFound')) return true; // it does not count any more
    throw error;
  }
}

async function readAgain(
  { client }: QuotaPluginOptions,
  lost: readonly KubeObject[],
): Promise<readonly KubeObject[]> {
  const found: KubeObject[] = [];
  for (const { metadata } of lost) {
    const { namespace = '', name = '' } = metadata;
    try {
      found.push(await client().get<KubeObject>(resourceQuotas, { namespace, name }));
    } catch (error) {
      if (!hasReason(error, 'NotFound')) throw error;
    }
  }
  return found;
}

function refusal({ definition, name, object }: AdmissionAttributes, why: string): Error {
  const { group, resource } = definition;
  const shown = name || object?.metadata.name || object?.metadata.generateName || '';
  return newForbidden({ group, resource, name: shown }, why);
}
