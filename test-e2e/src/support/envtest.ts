/**
 * A control plane started as controller-runtime's envtest starts one: launchers by absolute path, their flags, an
 * authority for client certificates, keys and certificates in a directory of its own.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type CertificateAuthority,
  createCertificateAuthority,
  createCertificateRequest,
  generateKeyPair,
  issueCertificate,
  parseCertificateRequest,
  writeKubeconfig,
} from '@flotilla/kube';
import { clientCertificate } from './credentials.js';
import { freePort } from './network.js';
import { eventually, HopelessError, type Result, run } from './processes.js';

const hourMs = 3_600_000;
const random = { bytes: (length: number) => new Uint8Array(randomBytes(length)) };

/** One program of the folder, without an environment but a directory for its temporary files. */
export class Launched {
  readonly #child: ChildProcess;
  output = '';

  constructor(path: string, args: readonly string[], temporary: string) {
    this.#child = spawn(path, args, {
      cwd: '/',
      env: { TMPDIR: temporary },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const take = (chunk: Buffer): void => {
      this.output += String(chunk);
    };
    this.#child.stdout?.on('data', take);
    this.#child.stderr?.on('data', take);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** As envtest stops it. The exit code; null: a signal ended it. */
  async stop(): Promise<number | null> {
    const child = this.#child;
    if (!this.isRunning) return child.exitCode;
    const ended = new Promise<void>((resolve) => child.once('exit', () => resolve()));
    child.kill('SIGTERM');
    const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
    await ended;
    clearTimeout(timer);
    return child.exitCode;
  }
}

export class EnvtestControlPlane {
  readonly directory = mkdtempSync(join(tmpdir(), 'flotilla-envtest-'));
  /** Where the programs make temporary files. */
  readonly temporary = join(this.directory, 'tmp');
  readonly clientCa = authority('envtest-environment');
  readonly #assets: string;
  readonly #serverCa = authority('envtest-environment');
  #server: Launched | undefined;
  #etcd: Launched | undefined;
  #kubeconfigs = 0;
  url = '';

  constructor(assets: string) {
    this.#assets = assets;
  }

  get certDir(): string {
    return join(this.directory, 'certs');
  }

  get server(): Launched {
    if (this.#server === undefined) throw new Error('the control plane is not started');
    return this.#server;
  }

  async start(extraFlags: readonly string[] = []): Promise<void> {
    const [client, peer, secure] = [await freePort(), await freePort(), await freePort()];
    const etcdUrl = `http://127.0.0.1:${client}`;
    this.url = `https://127.0.0.1:${secure}`;
    this.#writeCertificates();
    this.#etcd = new Launched(
      join(this.#assets, 'etcd'),
      [
        ...[`--advertise-client-urls=${etcdUrl}`, `--listen-client-urls=${etcdUrl}`],
        ...[`--listen-peer-urls=http://127.0.0.1:${peer}`, `--data-dir=${join(this.directory, 'etcd')}`],
        '--unsafe-no-fsync=true',
      ],
      this.temporary,
    );
    await this.#healthy(this.#etcd, `${etcdUrl}/health`);
    const file = (name: string): string => join(this.certDir, name);
    this.#server = new Launched(
      join(this.#assets, 'kube-apiserver'),
      [
        ...['--allow-privileged=true', '--authorization-mode=RBAC', '--bind-address=127.0.0.1'],
        ...[`--cert-dir=${this.certDir}`, `--client-ca-file=${file('client-cert-auth-ca.crt')}`],
        ...['--disable-admission-plugins=ServiceAccount', `--etcd-servers=${etcdUrl}`],
        ...[`--secure-port=${secure}`, `--service-account-issuer=${this.url}/`],
        `--service-account-key-file=${file('sa-signer.crt')}`,
        `--service-account-signing-key-file=${file('sa-signer.key')}`,
        '--service-cluster-ip-range=10.0.0.0/24',
        ...extraFlags,
      ],
      this.temporary,
    );
    await this.#healthy(this.#server, `${this.url}/healthz`);
  }

  /** A kubeconfig of a user whose certificate the client authority signed. */
  kubeconfig(user: string, groups: readonly string[] = []): string {
    this.#kubeconfigs += 1;
    const path = join(this.directory, `kubeconfig-${this.#kubeconfigs}`);
    const { certificate, key } = clientCertificate(this.clientCa, { user, groups });
    const text = writeKubeconfig({
      server: this.url,
      ca: this.#serverCa.certificatePem,
      clusterName: 'envtest',
      userName: user,
      credential: { clientCertificate: certificate, clientKey: key },
    });
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  }

  /** The folder's own kubectl, whatever its exit code. */
  kubectl(kubeconfig: string, ...args: string[]): Promise<Result> {
    const cache = join(this.directory, 'kube-cache');
    return run(join(this.#assets, 'kubectl'), ['--kubeconfig', kubeconfig, '--cache-dir', cache, ...args]);
  }

  async stop(): Promise<void> {
    await this.#server?.stop();
    await this.#etcd?.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }

  #writeCertificates(): void {
    mkdirSync(this.certDir);
    mkdirSync(this.temporary);
    const serving = servingCertificate(this.#serverCa);
    // envtest signs tokens with the key of an authority, RSA in its older versions, and verifies by the certificate.
    const signer = authority('envtest-environment');
    for (const [name, content] of [
      ['apiserver.crt', serving.certificatePem],
      ['apiserver.key', serving.privateKeyPem],
      ['client-cert-auth-ca.crt', this.clientCa.certificatePem],
      ['sa-signer.crt', signer.certificatePem],
      ['sa-signer.key', signer.privateKeyPem],
    ] as const) {
      writeFileSync(join(this.certDir, name), content, { mode: 0o640 });
    }
  }

  /** Without a credential, and without looking at the certificate: so does envtest. */
  async #healthy(launched: Launched, url: string): Promise<void> {
    await eventually(
      url,
      async () => {
        if (!launched.isRunning) throw new HopelessError(launched.output);
        return (await run('curl', ['-skf', '--max-time', '2', url])).code === 0;
      },
      { timeoutMs: 20_000 },
    );
  }
}

function authority(commonName: string): CertificateAuthority {
  return createCertificateAuthority({ commonName, validityMs: hourMs, nowMs: Date.now(), random });
}

function servingCertificate(ca: CertificateAuthority): CertificateAuthority {
  const { privateKeyPem } = generateKeyPair();
  const request = createCertificateRequest({ privateKeyPem, commonName: 'localhost', organizations: [] });
  const certificatePem = issueCertificate({
    ca,
    publicKeyDer: parseCertificateRequest(request).publicKeyDer,
    subject: { commonName: 'localhost' },
    notBeforeMs: Date.now() - hourMs / 2,
    notAfterMs: Date.now() + hourMs / 2,
    usages: ['digital signature', 'key encipherment', 'server auth'],
    dnsNames: ['localhost'],
    ipAddresses: ['127.0.0.1'],
    random,
  });
  return { certificatePem, privateKeyPem };
}
