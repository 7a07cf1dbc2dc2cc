/**
 * The audit flags: which policy, kept current, and where the log goes. Nothing is kept without --audit-log-path.
 * Called when a server starts; opens the log through a port.
 */
import { type AuditPolicy, defaultAuditPolicy, parseAuditPolicy } from '../audit/audit-policy.js';
import { type WatchedFileEnv, watchFiles } from './watched-file.js';

/** Named as the flags of kube-apiserver that fill them. */
export interface AuditOptions {
  readonly auditPolicyFile?: string;
  /** `-` is standard output. */
  readonly auditLogPath?: string;
  /** Megabytes. */
  readonly auditLogMaxsize?: number;
  /** Files. */
  readonly auditLogMaxbackup?: number;
  /** Days. */
  readonly auditLogMaxage?: number;
}

/**
 * The policy in force; undefined when no log is wanted.
 * @throws Error in one sentence that names the flag at fault.
 */
export async function loadAuditPolicy(
  { auditPolicyFile, auditLogPath }: AuditOptions,
  { env, signal }: { readonly env: WatchedFileEnv; readonly signal: AbortSignal },
): Promise<(() => AuditPolicy) | undefined> {
  if (auditLogPath === undefined) {
    if (auditPolicyFile === undefined) return undefined;
    throw new Error('--audit-policy-file needs --audit-log-path: without it nothing would be recorded');
  }
  if (auditPolicyFile === undefined) return () => defaultAuditPolicy;
  const watched = await watchFiles({
    files: [{ flag: '--audit-policy-file', path: auditPolicyFile }],
    env,
    signal,
    parse: ([text = '']) => parseAuditPolicy(text),
  });
  return () => watched.current;
}
