/**
 * What has happened to one managed cluster, apart from what works ask of it: whose objects were there before, what
 * somebody has taken the system's mark off or put in its place, what was left there on purpose, and which version of
 * Kubernetes it is. Pure; fed by those who do it in a simulation.
 */

/** Why an object may be there although no work claims it, with fields that no work sets. */
export type Why =
  /** Somebody has taken the mark off it: it is not ours to delete any more. */
  | 'disowned'
  /** Somebody has put an object of his own in its place. */
  | 'replaced'
  /** The klusterlet left, and was asked to leave what works had applied. */
  | 'kept'
  /** Its work was to leave it behind. */
  | 'orphaned'
  /** It was never of this system. */
  | 'foreign';

export class ClusterModel {
  readonly name: string;
  /** Of Kubernetes: 24 is v1.24. */
  minor: number;
  /** By key and uid: what comes after it under its name is another story. */
  readonly #released = new Map<string, Why>();
  /** The uids of objects that others had before, by key. */
  #planted = new Map<string, string>();

  constructor(name: string, minor: number) {
    this.name = name;
    this.minor = minor;
  }

  planted(key: string, uid: string): void {
    this.#planted.set(key, uid);
  }

  disowned(key: string, uid: string): void {
    this.#released.set(`${key} ${uid}`, 'disowned');
  }

  /** `uid`: of the new object. */
  replaced(key: string, uid: string): void {
    this.#released.set(`${key} ${uid}`, 'replaced');
  }

  /** The klusterlet leaves, and the objects of its works, keys with uids, stay as they are. */
  kept(objects: Iterable<readonly [key: string, uid: string]>): void {
    for (const [key, uid] of objects) this.#released.set(`${key} ${uid}`, 'kept');
  }

  /** Another cluster has its name now, with nothing in it. */
  rebuilt(): void {
    this.#released.clear();
    this.#planted = new Map();
  }

  get foreign(): ReadonlyMap<string, string> {
    return this.#planted;
  }

  whyReleased(key: string, uid: string): Why | undefined {
    return this.#planted.get(key) === uid ? 'foreign' : this.#released.get(`${key} ${uid}`);
  }
}
