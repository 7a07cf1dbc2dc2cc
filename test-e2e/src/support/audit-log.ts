/** What a stand-in cluster was asked, in order: its audit log, read as it is written. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly user: { readonly username: string };
  readonly impersonatedUser?: { readonly username: string };
  readonly userAgent?: string;
  readonly objectRef?: {
    readonly resource: string;
    readonly name?: string;
    readonly namespace?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code: number };
}

export class AuditLog {
  readonly #path: string;
  readonly #policy: string;

  constructor(directory: string, name: string) {
    this.#path = join(directory, `${name}-audit.log`);
    this.#policy = join(directory, `${name}-audit-policy.yaml`);
    const policy = {
      apiVersion: 'audit.k8s.io/v1',
      kind: 'Policy',
      omitStages: ['RequestReceived', 'ResponseStarted'],
      rules: [{ level: 'Metadata' }],
    };
    writeFileSync(this.#policy, JSON.stringify(policy));
  }

  /** For the API server's command line. */
  get flags(): readonly string[] {
    return ['--audit-log-path', this.#path, '--audit-policy-file', this.#policy];
  }

  read(): readonly AuditEvent[] {
    if (!existsSync(this.#path)) return [];
    const lines = readFileSync(this.#path, 'utf8').split('\n');
    return lines.slice(0, -1).map((line) => JSON.parse(line) as AuditEvent);
  }

  /** Writes of the klusterlet that went well: `verb resource/name`, in order. */
  writes(from = 0): readonly string[] {
    return this.read()
      .slice(from)
      .filter(({ verb, userAgent, responseStatus }) => {
        const isWrite = ['create', 'update', 'patch', 'delete'].includes(verb);
        return isWrite && userAgent?.startsWith('work-agent') && (responseStatus?.code ?? 500) < 300;
      })
      .map(({ verb, objectRef }) => {
        const { resource = '', name = '', subresource } = objectRef ?? {};
        return `${verb} ${resource}/${name}${subresource === undefined ? '' : `/${subresource}`}`;
      });
  }
}
