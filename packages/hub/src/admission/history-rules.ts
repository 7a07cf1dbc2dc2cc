/**
 * The hub's part in the history of works: says who made the present generation, and records a generation before
 * another takes its place. On the write path, since a watcher may be told of two changes as one.
 */
import {
  changedAtAnnotation,
  changedByAnnotation,
  equal,
  formatTime,
  hasReason,
  historyLimitAnnotation,
  type KubeObject,
  type ManifestWork,
  manifestWorkRevisionKind,
  newBadRequest,
  resourceOf,
  workGroupName,
  workUidLabel,
} from '@flotilla/api';
import type { KubeClient } from '@flotilla/kube';
import { historyLimitOf, planHistory, revisionOf } from '../history/revisions.js';
import type { AdmissionRequest, AdmissionRule } from './rule.js';

const ref = resourceOf(manifestWorkRevisionKind);
const authorship = [changedByAnnotation, changedAtAnnotation];

export const workAuthorRule: AdmissionRule = {
  name: 'manifestwork-author',
  group: workGroupName,
  resource: 'manifestworks',
  operations: ['CREATE', 'UPDATE'],
  mutating: true,
  check: ({ object, oldObject, user, nowMs }) => {
    const given = object.metadata.annotations ?? {};
    const known = oldObject?.metadata.annotations ?? {};
    const annotations = Object.fromEntries(
      Object.entries(given).filter(([key]) => !authorship.includes(key)),
    );
    if (oldObject === undefined || !equal(object['spec'], oldObject['spec'])) {
      annotations[changedByAnnotation] = user.username;
      annotations[changedAtAnnotation] = formatTime(nowMs);
    } else {
      for (const key of authorship) if (known[key] !== undefined) annotations[key] = known[key];
    }
    if (Object.keys(annotations).length > 0) object.metadata.annotations = annotations;
    else delete object.metadata.annotations;
  },
};

/** The last of all rules: what it writes is true whether or not the write that it precedes comes about. */
export const workHistoryRule: AdmissionRule = {
  name: 'manifestwork-history',
  group: workGroupName,
  resource: 'manifestworks',
  operations: ['CREATE', 'UPDATE'],
  mutating: false,
  check: async (request, client) => {
    const { object, oldObject, dryRun } = request;
    if (object.metadata.deletionTimestamp !== undefined) return;
    const limit = readLimit(request);
    if (oldObject === undefined || dryRun || equal(object['spec'], oldObject['spec'])) return;
    await record(oldObject as ManifestWork, { limit, client }); // the rule's own resource
  },
};

/** A number that was let in once does not stand in the way of other changes. */
function readLimit({ object, oldObject }: AdmissionRequest): number {
  try {
    return historyLimitOf(object);
  } catch (error) {
    const before = oldObject?.metadata.annotations?.[historyLimitAnnotation];
    if (object.metadata.annotations?.[historyLimitAnnotation] === before) return historyLimitOf(withoutLimit);
    throw newBadRequest(error instanceof Error ? error.message : String(error));
  }
}

const withoutLimit: KubeObject = { apiVersion: '', kind: '', metadata: {} };

async function record(
  work: ManifestWork,
  { limit, client }: { readonly limit: number; readonly client: KubeClient },
): Promise<void> {
  const ending = revisionOf(work);
  const { namespace = '', uid = '' } = work.metadata;
  const kept = await client.list<KubeObject>(ref, {
    namespace,
    labelSelector: `${workUidLabel}=${uid}`,
    metadataOnly: true,
  });
  const plan = planHistory(kept.items, { ending, limit });
  if (plan.create !== undefined) await createIfAllowed(client, plan.create);
  await Promise.all(plan.remove.map((name) => removeIfThere(client, { namespace, name })));
}

/** A namespace that is going away, or that has a quota on revisions, keeps no history; the work may change all the same. */
async function createIfAllowed(client: KubeClient, revision: KubeObject): Promise<void> {
  try {
    await client.create(ref, revision);
  } catch (error) {
    if (!hasReason(error, 'AlreadyExists', 'Forbidden')) throw error;
  }
}

async function removeIfThere(
  client: KubeClient,
  key: { readonly namespace: string; readonly name: string },
): Promise<void> {
  try {
    await client.delete(ref, key);
  } catch (error) {
    if (!hasReason(error, 'NotFound')) throw error;
  }
}
