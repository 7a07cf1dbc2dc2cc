/** Reading other objects (Secrets, ServiceAccounts, RBAC) without a request: what authentication and authorization need. */
import type { KubeObject } from '@flotilla/api';

export interface ObjectChange {
  readonly type: 'ADDED' | 'MODIFIED' | 'DELETED';
  readonly object: KubeObject;
}

export interface ObjectReader {
  get(
    group: string,
    resource: string,
    key: { readonly namespace?: string; readonly name: string },
  ): KubeObject | undefined;
  list(group: string, resource: string, namespace?: string): readonly KubeObject[];
  /** Calls `fn` for each change from now on; the answer stops that. */
  onChange(group: string, resource: string, fn: (change: ObjectChange) => void): () => void;
}
