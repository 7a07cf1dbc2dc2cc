/**
 * Starts an audit trail for each request that the policy wants recorded. Where lines go, a port says. Absent when no
 * audit log is kept: requests then pay nothing.
 */
import type { UserInfo } from '../authentication/user.js';
import type { ApiRequest } from '../server/handler.js';
import type { RequestInfo } from '../server/request-info.js';
import { type AuditPolicy, decideAudit } from './audit-policy.js';
import { AuditTrail } from './audit-trail.js';

/** Where events go. Never waits, never throws: what cannot be kept is dropped and counted. */
export interface AuditSink {
  write(line: string): void;
  readonly counts: { readonly events: number; readonly dropped: number };
}

export interface AuditBackend {
  /** Asked at each request, so that it may be replaced. */
  readonly policy: () => AuditPolicy;
  readonly sink: AuditSink;
}

export interface AuditorOptions extends AuditBackend {
  readonly now: () => number;
  readonly decodeProtobuf: (bytes: Uint8Array) => unknown;
  /** First segments of paths whose rest opens something, and is not written. */
  readonly secretPaths?: ReadonlySet<string> | undefined;
}

export interface AuditSubject {
  readonly info: RequestInfo;
  /** Undefined: authentication failed. */
  readonly user: UserInfo | undefined;
  readonly auditId: string;
}

export interface Auditor {
  /** Undefined: the policy wants nothing of it. */
  begin(request: ApiRequest, subject: AuditSubject): AuditTrail | undefined;
}

export function createAuditor({ policy, sink, ...options }: AuditorOptions): Auditor {
  const write = (line: string): void => sink.write(line);
  return {
    begin(request, subject) {
      const decision = decideAudit(policy(), subject);
      if (decision.level === 'None') return undefined;
      return new AuditTrail({ request, ...subject, decision, write, ...options });
    },
  };
}

/** The client's own `Audit-ID`, as it is, or undefined. */
export function clientAuditId({ headers }: Pick<ApiRequest, 'headers'>): string | undefined {
  const sent = headers['audit-id'];
  const first = typeof sent === 'string' ? sent : sent?.[0];
  return first === undefined || first === '' ? undefined : first;
}
