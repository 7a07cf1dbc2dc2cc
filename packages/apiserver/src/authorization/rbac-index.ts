/**
 * Roles and bindings, indexed by subject and kept current by changes: a request looks only at the bindings that
 * name its user or one of its groups, however many clusters a hub has.
 */
import type { KubeObject } from '@flotilla/api';
import type { ObjectChange, ObjectReader } from '../authentication/object-reader.js';
import type { UserInfo } from '../authentication/user.js';
import type { PolicyRule } from './rules.js';

const group = 'rbac.authorization.k8s.io';

interface Subject {
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** A binding, reduced to what decisions need. */
export interface Binding {
  readonly kind: 'ClusterRoleBinding' | 'RoleBinding';
  readonly name: string;
  /** '' for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly roleKind: string;
  readonly roleName: string;
  readonly subjects: readonly Subject[];
}

/** A binding and the subject by which it applies to a user. */
export interface Grant {
  readonly binding: Binding;
  readonly subject: Subject;
  readonly rules: readonly PolicyRule[];
}

export class RbacIndex {
  readonly #reader: ObjectReader;
  readonly #bindings = new Map<string, Binding>();
  /** By namespace and subject: some subjects have a binding in every namespace. */
  readonly #bySubject = new Map<string, Set<Binding>>();

  constructor(reader: ObjectReader) {
    this.#reader = reader;
  }

  /** Loads what is there and follows it; the answer stops that. */
  start(): () => void {
    const stops = (['clusterrolebindings', 'rolebindings'] as const).map((resource) => {
      const stop = this.#reader.onChange(group, resource, (change) => this.#apply(change));
      for (const object of this.#reader.list(group, resource)) this.#apply({ type: 'ADDED', object });
      return stop;
    });
    return () => {
      for (const stop of stops) stop();
    };
  }

  /** What applies to the user: cluster-wide first, then in the namespace if one is given. */
  *grants(user: UserInfo, namespace: string | undefined): Generator<Grant> {
    const names = [`User/${user.username}`, ...user.groups.map((name) => `Group/${name}`)];
    for (const scope of namespace === undefined || namespace === '' ? [''] : ['', namespace]) {
      for (const name of names) {
        for (const binding of this.#bySubject.get(`${scope}/${name}`) ?? []) {
          const subject = binding.subjects.find((one) => subjectName(one, binding) === name);
          if (subject !== undefined) yield { binding, subject, rules: this.rulesOf(binding) ?? [] };
        }
      }
    }
  }

  /** The rules of the role that a binding refers to; undefined when there is no such role. */
  rulesOf({
    roleKind,
    roleName,
    namespace,
  }: Pick<Binding, 'roleKind' | 'roleName' | 'namespace'>): readonly PolicyRule[] | undefined {
    const role =
      roleKind === 'ClusterRole'
        ? this.#reader.get(group, 'clusterroles', { name: roleName })
        : this.#reader.get(group, 'roles', { namespace, name: roleName });
    return role && ((role['rules'] ?? []) as readonly PolicyRule[]); // rbac/v1 Role
  }

  #apply({ type, object }: ObjectChange): void {
    const key = `${object.metadata.namespace ?? ''}/${object.metadata.name ?? ''}`;
    const old = this.#bindings.get(key);
    if (old !== undefined) this.#remove(old);
    if (type === 'DELETED') {
      this.#bindings.delete(key);
      return;
    }
    const binding = toBinding(object);
    this.#bindings.set(key, binding);
    for (const subject of binding.subjects) {
      const name = indexKey(subject, binding);
      const set = this.#bySubject.get(name);
      if (set === undefined) this.#bySubject.set(name, new Set([binding]));
      else set.add(binding);
    }
  }

  #remove(binding: Binding): void {
    for (const subject of binding.subjects) {
      const name = indexKey(subject, binding);
      const set = this.#bySubject.get(name);
      set?.delete(binding);
      if (set?.size === 0) this.#bySubject.delete(name);
    }
  }
}

function toBinding(object: KubeObject): Binding {
  const roleRef = (object['roleRef'] ?? {}) as { kind?: string; name?: string }; // rbac/v1 RoleRef
  const namespace = object.metadata.namespace ?? '';
  return {
    kind: namespace === '' ? 'ClusterRoleBinding' : 'RoleBinding',
    name: object.metadata.name ?? '',
    namespace,
    roleKind: roleRef.kind ?? '',
    roleName: roleRef.name ?? '',
    subjects: (object['subjects'] ?? []) as readonly Subject[], // rbac/v1 Subject
  };
}

function indexKey(subject: Subject, binding: Binding): string {
  return `${binding.namespace}/${subjectName(subject, binding)}`;
}

/** A ServiceAccount is a user by another name; its namespace defaults to the binding's. */
function subjectName(subject: Subject, binding: Binding): string {
  if (subject.kind !== 'ServiceAccount') return `${subject.kind}/${subject.name}`;
  return `User/system:serviceaccount:${subject.namespace || binding.namespace}:${subject.name}`;
}
