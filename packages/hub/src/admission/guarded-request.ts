/** An authorized request for a resource, as the API server shows it to the hub before it is served. */
import type { OwnObjects } from './own-reads.js';
import type { Requester } from './rule.js';

export interface GuardedRequest {
  readonly user: Requester;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  readonly remoteAddress: string;
  readonly client: OwnObjects;
}
