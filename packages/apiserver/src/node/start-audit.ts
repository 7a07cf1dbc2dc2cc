/** The audit log of a server that runs as a process, by its flags. Called by run-server. */
import type { Env } from '@flotilla/kube';
import type { AuditBackend } from '../audit/auditor.js';
import { type AuditOptions, loadAuditPolicy } from '../configuration/audit.js';
import { openAuditLog } from './audit-log.js';

/** What is closed with the server, in reverse: what comes first here outlives the rest. */
interface Parts {
  readonly stop: AbortController;
  readonly closers: (() => Promise<void>)[];
}

/**
 * Undefined when no log is wanted. To be called before requests are served, so that the log is closed after the last.
 * @throws Error in one sentence that names the flag at fault.
 */
export async function startAudit(
  flags: AuditOptions,
  { env, parts }: { readonly env: Env; readonly parts: Parts },
): Promise<AuditBackend | undefined> {
  const policy = await loadAuditPolicy(flags, { env, signal: parts.stop.signal });
  if (policy === undefined || flags.auditLogPath === undefined) return undefined;
  const sink = await openAuditLog(
    {
      path: flags.auditLogPath,
      ...(flags.auditLogMaxsize !== undefined && { maxSizeMegabytes: flags.auditLogMaxsize }),
      ...(flags.auditLogMaxbackup !== undefined && { maxBackups: flags.auditLogMaxbackup }),
      ...(flags.auditLogMaxage !== undefined && { maxAgeDays: flags.auditLogMaxage }),
    },
    env,
  );
  parts.closers.push(() => sink.close());
  return { policy, sink };
}
