/**
 * Who may ask a klusterlet what a work would do, and what may be asked. The answer shows fields of the cluster's
 * objects, so nobody learns from a plan what a work of his could not have found out: it takes the permission to create
 * works there, and for an executor that to use it. What is refused in a work is refused here in the same words.
 */
import {
  equal,
  flotillaGroupName,
  isPlan,
  type ManagedCluster,
  type ManifestWork,
  type ManifestWorkPlan,
  manifestWorkPlanKind,
  newBadRequest,
  newForbidden,
  planAnnotation,
  plansClaimName,
  validateManifestWork,
  workGroupName,
} from '@flotilla/api';
import { type KubeClient, wellKnown } from '@flotilla/kube';
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

/**
 * A work that is annotated as a plan would be applied by an agent that does not know the annotation: it is let in for
 * clusters whose agent has said that it does. A plan may become a work; a work that is applied does not become a plan.
 */
export const annotatedPlanRule: AdmissionRule = {
  name: 'manifestwork-plan',
  group: workGroupName,
  resource: 'manifestworks',
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async ({ object, oldObject, namespace = '' }, client) => {
    const value = object.metadata.annotations?.[planAnnotation];
    if (value === undefined || value === 'false' || object.metadata.deletionTimestamp !== undefined) return;
    const field = `metadata.annotations[${planAnnotation}]`;
    if (value !== 'true') throw newBadRequest(`${field}: must be "true" or "false"`);
    if (oldObject !== undefined && !isPlan(oldObject)) {
      throw newBadRequest(
        `${field}: a work that is applied cannot become a plan; use "hub works plan", or a work of another name`,
      );
    }
    if (oldObject !== undefined && equal(object['spec'], oldObject['spec'])) return;
    if (await knowsPlans(client, namespace)) return;
    throw newBadRequest(
      `${field}: the agent of the cluster ${JSON.stringify(namespace)} has not said that it knows plans (claim ${plansClaimName}), and might apply the work`,
    );
  },
};

async function knowsPlans(client: KubeClient, cluster: string): Promise<boolean> {
  const { items } = await client.list<ManagedCluster>(wellKnown.managedClusters, {
    fieldSelector: `metadata.name=${cluster}`,
  });
  return items[0]?.status?.clusterClaims?.some(({ name }) => name === plansClaimName) === true;
}

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
