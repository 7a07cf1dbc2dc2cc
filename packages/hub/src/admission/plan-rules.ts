/**
 * Who may ask a klusterlet what a work would do, and what may be asked. The answer shows fields of the cluster's
 * objects, so nobody learns from a plan what a work of his could not have found out: it takes the permission to create
 * works there, and for an executor that to use it. What is refused in a work is refused here in the same words.
 */
import {
  flotillaGroupName,
  type ManifestWork,
  type ManifestWorkPlan,
  manifestWorkPlanKind,
  newForbidden,
  validateManifestWork,
  workGroupName,
} from '@flotilla/api';
import { checkExecutor } from './executor.js';
import { type AdmissionRule, isAllowed } from './rule.js';

export const workPlanRule: AdmissionRule = {
  name: 'manifestworkplan',
  group: flotillaGroupName,
  resource: manifestWorkPlanKind.plural,
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async ({ object, oldObject, user, name, namespace = '' }, client) => {
    if (object.metadata.deletionTimestamp !== undefined) return;
    const work = workOf(object as ManifestWorkPlan); // the rule's own resource
    validateManifestWork(work);
    const attributes = { group: workGroupName, resource: 'manifestworks', verb: 'create', namespace };
    if (!(await isAllowed(client, { user, attributes }))) {
      throw newForbidden(
        { group: flotillaGroupName, resource: manifestWorkPlanKind.plural, name },
        `user ${JSON.stringify(user.username)} cannot create manifestworks in the namespace ${JSON.stringify(namespace)}, and so cannot plan them`,
      );
    }
    const old = oldObject && workOf(oldObject as ManifestWorkPlan); // the same
    await checkExecutor({ work, old, user, namespace }, client);
  },
};

/** The work that the plan is about. */
function workOf({ metadata, spec }: ManifestWorkPlan): ManifestWork {
  const name = spec?.workName ?? '';
  return {
    apiVersion: `${workGroupName}/v1`,
    kind: 'ManifestWork',
    metadata: { name, ...(metadata.namespace !== undefined && { namespace: metadata.namespace }) },
    ...(spec && { spec: spec.workSpec }),
  };
}
