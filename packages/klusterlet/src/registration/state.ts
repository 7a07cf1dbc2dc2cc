/**
 * What a klusterlet keeps in its data directory between runs: how it reached its hub, its pending certificate
 * request, and its hub credentials under the keys of OCM's hub-kubeconfig-secret. All writes are atomic.
 *
 *   config.json            which hub, which cluster name, which agent, which managed cluster
 *   bootstrap/kubeconfig   the token, until the certificate is there
 *   bootstrap/hubs.json    the hubs that it may choose from, when it was given several
 *   bootstrap/pending.json key and name of the certificate request that is waiting
 *   hub/…                  kubeconfig, tls.crt, tls.key, cluster-name, agent-name
 *   hub/next.json          certificate and key while the files above are being replaced: then they count
 *   hub/renewal.json       key and name of the request for the next certificate
 *   hubs/<hash>/…          the same for hubs that it has moved away from
 *   problem.json           why the hub does not know this agent now; for `klusterlet status`
 */
import { join } from 'node:path';
import { hubKubeconfigSecretKeys } from '@flotilla/api';
import { type Files, PkiError, parseCertificate, publicKeyHashOf } from '@flotilla/kube';
import { hashHub } from '../work/inventory/inventories.js';
import type { AgentSettings } from './settings.js';

export interface KlusterletConfig {
  /** Grows when the layout of the directory changes. */
  readonly formatVersion: 1;
  readonly clusterName: string;
  readonly agentId: string;
  /** `https://host:port` of the hub. */
  readonly hubServer: string;
  /** Further addresses of the same hub. */
  readonly hubAlternatives?: readonly string[];
  /** The same by the hub's own word, which changes. */
  readonly hubAdvertised?: readonly string[];
  /** The hub's CA, PEM. */
  readonly hubCa: string;
  /** Path of the managed cluster's kubeconfig; absent: in-cluster. */
  readonly kubeconfig?: string;
  /** Of the proxy through which the hub is reached. */
  readonly proxyUrl?: string;
  readonly settings?: Partial<AgentSettings>;
  /** The agent's namespace in the managed cluster; absent: OCM's. */
  readonly namespace?: string;
}

/** A hub that a klusterlet may join. */
export interface HubCandidate {
  readonly server: string;
  /** PEM. */
  readonly ca: string;
  readonly alternatives?: readonly string[];
  readonly proxyUrl?: string;
  readonly token: string;
}

/** A certificate request that was made and is not yet answered; its key exists nowhere else. */
export interface PendingRequest {
  /** Empty: the hub may have the request, but has not said its name. */
  readonly csrName: string;
  readonly privateKeyPem: string;
}

export interface HubCredentials {
  readonly certificatePem: string;
  readonly privateKeyPem: string;
}

/** Why the hub does not let this agent in, and since when. */
export interface IdentityProblem {
  /** RFC 3339. */
  readonly since: string;
  readonly why: string;
}

/** Whether certificate and key can be read and belong together. */
export function isPair({ certificatePem, privateKeyPem }: HubCredentials): boolean {
  try {
    return parseCertificate(certificatePem).publicKeyHash === publicKeyHashOf(privateKeyPem);
  } catch (error) {
    if (error instanceof PkiError) return false;
    throw error;
  }
}

export class KlusterletState {
  readonly #files: Files;
  readonly dataDir: string;

  constructor(files: Files, dataDir: string) {
    this.#files = files;
    this.dataDir = dataDir;
  }

  /** @throws Error when the directory was written by a newer version or is not a klusterlet's. */
  async readConfig(): Promise<KlusterletConfig | undefined> {
    const config = await this.#readJson<KlusterletConfig>('config.json');
    if (config !== undefined && config.formatVersion !== 1) {
      throw new Error(
        `the data directory ${this.dataDir} was written by a newer version (format ${String(config.formatVersion)}, this version reads 1)`,
      );
    }
    return config;
  }

  writeConfig(config: KlusterletConfig): Promise<void> {
    return this.#write('config.json', `${JSON.stringify(config, null, 2)}\n`);
  }

  readBootstrapKubeconfig(): Promise<string | undefined> {
    return this.#readText('bootstrap/kubeconfig');
  }

  writeBootstrapKubeconfig(text: string): Promise<void> {
    return this.#write('bootstrap/kubeconfig', text);
  }

  /** Empty when the klusterlet has one hub. */
  async readHubs(): Promise<readonly HubCandidate[]> {
    return (await this.#readJson<readonly HubCandidate[]>('bootstrap/hubs.json')) ?? [];
  }

  /** One is no choice. */
  writeHubs(hubs: readonly HubCandidate[]): Promise<void> {
    if (hubs.length < 2) return this.#files.remove(this.path('bootstrap/hubs.json'));
    return this.#write('bootstrap/hubs.json', `${JSON.stringify(hubs)}\n`);
  }

  /** What is kept for a hub that it has moved away from. */
  ofHub(server: string): KlusterletState {
    return new KlusterletState(this.#files, this.path(join('hubs', hashHub(server))));
  }

  /** Keeps what it has for its hub, for the way back. */
  async keepForHub(config: KlusterletConfig): Promise<void> {
    const credentials = await this.readCredentials();
    if (credentials === undefined) return;
    const kept = this.ofHub(config.hubServer);
    const kubeconfig = (await this.#readText(`hub/${hubKubeconfigSecretKeys.kubeconfig}`)) ?? '';
    await kept.writeConfig(config);
    await kept.writeCredentials(credentials, { ...config, kubeconfig });
  }

  /** Puts what was kept for this hub, if anything was, in the place of what there is for another. */
  async restoreForHub(config: KlusterletConfig): Promise<void> {
    await this.forgetCredentials();
    const kept = this.ofHub(config.hubServer);
    const credentials = await kept.readCredentials();
    if (credentials === undefined) return;
    const kubeconfig = (await kept.#readText(`hub/${hubKubeconfigSecretKeys.kubeconfig}`)) ?? '';
    await this.writeCredentials(credentials, { ...config, kubeconfig });
  }

  readPending(): Promise<PendingRequest | undefined> {
    return this.#readJson<PendingRequest>('bootstrap/pending.json');
  }

  writePending(pending: PendingRequest): Promise<void> {
    return this.#write('bootstrap/pending.json', `${JSON.stringify(pending)}\n`);
  }

  forgetPending(): Promise<void> {
    return this.#files.remove(this.path('bootstrap/pending.json'));
  }

  /** Undefined also when certificate or key are damaged, or are not of each other. */
  async readCredentials(): Promise<HubCredentials | undefined> {
    const next = await this.#readTolerant<HubCredentials>('hub/next.json');
    if (next !== undefined && isPair(next)) return next;
    const certificatePem = await this.#readText(`hub/${hubKubeconfigSecretKeys.certificate}`);
    const privateKeyPem = await this.#readText(`hub/${hubKubeconfigSecretKeys.privateKey}`);
    if (certificatePem === undefined || privateKeyPem === undefined) return undefined;
    return isPair({ certificatePem, privateKeyPem }) ? { certificatePem, privateKeyPem } : undefined;
  }

  /** The agent was stopped while it wrote credentials: they are to be written once more. */
  async isWriteUnfinished(): Promise<boolean> {
    return (await this.#readText('hub/next.json')) !== undefined;
  }

  /** There were credentials, whatever has become of them: this agent is a member, not a newcomer. */
  async hasJoined(): Promise<boolean> {
    return (await this.#readText(`hub/${hubKubeconfigSecretKeys.certificate}`)) !== undefined;
  }

  /** A damaged one counts as none: another renewal costs nothing. */
  readRenewal(): Promise<PendingRequest | undefined> {
    return this.#readTolerant<PendingRequest>('hub/renewal.json');
  }

  writeRenewal(pending: PendingRequest): Promise<void> {
    return this.#write('hub/renewal.json', `${JSON.stringify(pending)}\n`);
  }

  forgetRenewal(): Promise<void> {
    return this.#files.remove(this.path('hub/renewal.json'));
  }

  readProblem(): Promise<IdentityProblem | undefined> {
    return this.#readTolerant<IdentityProblem>('problem.json');
  }

  writeProblem(problem: IdentityProblem): Promise<void> {
    return this.#write('problem.json', `${JSON.stringify(problem)}\n`);
  }

  forgetProblem(): Promise<void> {
    return this.#files.remove(this.path('problem.json'));
  }

  /** Whether the directory is bound to its cluster name: by credentials, or by a request that the hub has. */
  async isBound(): Promise<boolean> {
    return (await this.hasJoined()) || (await this.readPending()) !== undefined;
  }

  /** Two files cannot be replaced at once: until both are, the one that holds both counts. */
  async writeCredentials(
    credentials: HubCredentials,
    options: { kubeconfig: string; clusterName: string; agentId: string },
  ): Promise<void> {
    const keys = hubKubeconfigSecretKeys;
    await this.#write('hub/next.json', `${JSON.stringify(credentials)}\n`);
    await this.#write(`hub/${keys.clusterName}`, options.clusterName);
    await this.#write(`hub/${keys.agentName}`, options.agentId);
    await this.#write(`hub/${keys.privateKey}`, credentials.privateKeyPem);
    await this.#write(`hub/${keys.certificate}`, credentials.certificatePem);
    await this.#write(`hub/${keys.kubeconfig}`, options.kubeconfig);
    await this.#files.remove(this.path('hub/next.json'));
  }

  /** Of a cluster that its hub has forgotten: the next join is a first one, by the same agent. */
  async forgetCredentials(): Promise<void> {
    for (const name of ['hub', 'bootstrap/pending.json', 'problem.json'])
      await this.#files.remove(this.path(name));
  }

  /** Forgets how to reach the hub; the saved works stay. */
  async forgetHub(): Promise<void> {
    for (const name of ['hub', 'hubs', 'bootstrap', 'config.json', 'problem.json'])
      await this.#files.remove(this.path(name));
  }

  /** For a klusterlet that has left: nothing is enforced any more. */
  forgetWorks(): Promise<void> {
    return this.#files.remove(this.path('works'));
  }

  path(name: string): string {
    return join(this.dataDir, name);
  }

  async #readText(name: string): Promise<string | undefined> {
    const data = await this.#files.read(this.path(name));
    return data === undefined ? undefined : Buffer.from(data).toString('utf8');
  }

  async #readJson<T>(name: string): Promise<T | undefined> {
    const text = await this.#readText(name);
    if (text === undefined) return undefined;
    try {
      return JSON.parse(text) as T; // written by this class only
    } catch (cause) {
      throw new Error(
        `${this.path(name)} is damaged: it is no JSON; remove the data directory and join again`,
        { cause },
      );
    }
  }

  async #readTolerant<T>(name: string): Promise<T | undefined> {
    const text = await this.#readText(name);
    try {
      return text === undefined ? undefined : (JSON.parse(text) as T); // written by this class only
    } catch (error) {
      if (error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #write(name: string, text: string): Promise<void> {
    return this.#files.write(this.path(name), text, { mode: 0o600 });
  }
}
