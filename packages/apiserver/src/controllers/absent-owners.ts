/**
 * Owners that are known to be gone, so that a thousand dependents of one ask for it once. A uid never comes back.
 * Bounded: the oldest are forgotten, which costs a read and nothing else.
 */
import type { KubeObject, OwnerReference } from '@flotilla/api';

const defaultLimit = 500;

export class AbsentOwners {
  readonly #limit: number;
  readonly #keys = new Set<string>();

  constructor(limit = defaultLimit) {
    this.#limit = limit;
  }

  /** An object whose deletion was seen. */
  addObject({ apiVersion, kind, metadata }: KubeObject): void {
    const { name = '', uid = '', namespace } = metadata;
    this.#add(format({ apiVersion, kind, name, uid }, namespace));
  }

  /** An owner that was looked for in vain, from an object in this namespace. */
  add(reference: OwnerReference, namespace: string | undefined): void {
    this.#add(format(reference, namespace));
  }

  /** Also true for an owner without a namespace. */
  has(reference: OwnerReference, namespace: string | undefined): boolean {
    return this.#keys.has(format(reference, namespace)) || this.#keys.has(format(reference, undefined));
  }

  #add(key: string): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#limit) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }
}

/** The whole coordinates: a reference with a right uid and a wrong name is a reference to nothing. */
function format({ apiVersion, kind, name, uid }: OwnerReference, namespace: string | undefined): string {
  return `${uid} ${apiVersion} ${kind} ${namespace ?? ''}/${name}`;
}
