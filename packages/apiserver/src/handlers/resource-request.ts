/** What the server's front hands to the resource handlers: a request that is parsed, authenticated and authorized. */
import type { UserInfo } from '../authentication/user.js';
import type { ResourceDefinition, Verb } from '../registry/resource.js';

export interface ResourceRequest {
  readonly definition: ResourceDefinition;
  readonly verb: Verb | 'proxy';
  readonly namespace?: string;
  readonly name?: string;
  readonly subresource?: string;
  readonly query: URLSearchParams;
  readonly body: Uint8Array;
  /** Empty when absent. */
  readonly contentType: string;
  readonly userAgent: string;
  readonly user: UserInfo;
  readonly signal: AbortSignal;
  /** Notes for the request's audit event; absent when no audit log is kept. */
  readonly annotate?: (key: string, value: string) => void;
  /** Negotiated by the server. */
  readonly accept: {
    readonly as: 'object' | 'Table' | 'PartialObjectMetadata' | 'PartialObjectMetadataList';
    readonly yaml: boolean;
    readonly tableVersion?: string;
  };
}
