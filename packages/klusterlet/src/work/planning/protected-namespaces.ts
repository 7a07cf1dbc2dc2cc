/**
 * Namespaces that no work takes along when it goes: those that a cluster cannot be without, which its API server refuses
 * to delete in part only, and the klusterlet's own. A work may set their labels all the same. Pure.
 */
import type { ObjectPlace } from './identity.js';

const names: ReadonlySet<string> = new Set([
  'default',
  'kube-node-lease',
  'kube-public',
  'kube-system',
  'open-cluster-management-agent',
]);

export function isProtectedNamespace({ group, resource, name }: ObjectPlace): boolean {
  return group === '' && resource === 'namespaces' && names.has(name);
}
