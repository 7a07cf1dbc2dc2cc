/**
 * A last word on requests for resources that are authorized, for an embedding program whose users may see only some
 * objects of a kind: RBAC knows names, not whose object it is. Called by the request pipeline, before the object is
 * read or the watch begins.
 */
import type { AdmissionClient } from '../admission/admission.js';
import type { UserInfo } from '../authentication/user.js';

export interface GuardedRequest {
  readonly user: UserInfo;
  readonly verb: string;
  readonly group: string;
  readonly resource: string;
  readonly subresource: string | undefined;
  readonly name: string | undefined;
  readonly query: URLSearchParams;
  /** Of the client, as the connection has it; empty in process. */
  readonly remoteAddress: string;
  /** Other objects. */
  readonly client: AdmissionClient;
}

/** Refuses by throwing, or rejecting with, a StatusError. Undefined at once for what is none of its business. */
export type RequestGuard = (request: GuardedRequest) => Promise<void> | undefined;
