/**
 * The namespaceSelector and objectSelector of webhooks and admission policies. Behaviour of k8s.io/apiserver
 * pkg/admission/plugin/webhook/predicates: cluster-scoped objects pass any namespaceSelector, a Namespace is judged by
 * its own labels, and an objectSelector is content when the old or the new object has the labels.
 * Called by request-matcher. Pure but for the look-up of the namespace in the cache.
 */
import {
  type KubeObject,
  type LabelSelector,
  labelSelectorFromObject,
  matchesLabels,
  newNotFound,
  type ParsedLabelSelector,
} from '@flotilla/api';
import type { AdmissionAttributes } from '../admission.js';

/** Reads a selector once; undefined for one that is absent or empty, which selects everything. */
export function readSelector(selector: LabelSelector | undefined): ParsedLabelSelector | undefined {
  if (selector === undefined) return undefined;
  const parsed = labelSelectorFromObject(selector);
  return parsed.requirements.length === 0 && !parsed.matchesNothing ? undefined : parsed;
}

/** @throws StatusError 404 when the request's namespace does not exist (any more). */
export function namespaceSelected(
  selector: ParsedLabelSelector | undefined,
  attributes: AdmissionAttributes,
): boolean {
  if (selector === undefined) return true;
  const namespace = namespaceToJudge(attributes);
  return namespace === undefined || matchesLabels(selector, namespace.metadata.labels);
}

export function isNamespace({ definition }: AdmissionAttributes): boolean {
  return definition.group === '' && definition.resource === 'namespaces';
}

function namespaceToJudge(attributes: AdmissionAttributes): KubeObject | undefined {
  const { definition, namespace, object, oldObject } = attributes;
  if (isNamespace(attributes)) return object ?? oldObject;
  if (!definition.namespaced || namespace === undefined) return undefined;
  return findNamespace(attributes, namespace);
}

/** The namespace that the request's object is in: undefined for cluster-scoped ones. @throws StatusError 404. */
export function namespaceOf(attributes: AdmissionAttributes): KubeObject | undefined {
  const { definition, namespace } = attributes;
  if (!definition.namespaced || namespace === undefined) return undefined;
  return findNamespace(attributes, namespace);
}

function findNamespace({ client }: AdmissionAttributes, name: string): KubeObject {
  const found = client.get({ group: '', resource: 'namespaces' }, { name });
  if (found === undefined) throw newNotFound({ group: '', resource: 'namespaces', name });
  return found;
}

export function objectSelected(
  selector: ParsedLabelSelector | undefined,
  { object, oldObject }: AdmissionAttributes,
): boolean {
  if (selector === undefined) return true;
  return [object, oldObject].some(
    (each) => each !== undefined && matchesLabels(selector, each.metadata.labels),
  );
}
