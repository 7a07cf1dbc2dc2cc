/**
 * A `hub serve` process, and everybody who comes to it from clusters, each with a connection over TLS and credentials as
 * the hub hands them out: by its tokens, its approvals and its signer. Only the expired certificate is made here, by the
 * hub's authority: no certificate of the hub's own ends before a test does.
 */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { agentGroups, agentUserName, type KubeObject, parseJoinString } from '@flotilla/api';
import {
  createClient,
  createStopController,
  generateKeyPair,
  issueCertificate,
  type KubeClient,
  loadKubeconfig,
  parseCertificate,
  type Transport,
  wellKnown,
} from '@flotilla/kube';
import { type ClientCertificate, createHttpsTransport, createNodeEnv } from '@flotilla/kube/node';
import { expect } from 'chai';
import { Fleet, must } from '../support/fleet.js';
import { eventually } from '../support/processes.js';
import { addonKind, cluster, csr, type Kind, kinds, pathOf, workKind } from './access-kinds.js';

/** Everybody who is not trusted with the hub; `deleted` by kubectl, `removed` by our command, which revokes as well. */
export const identities = [
  'bootstrap',
  'agent',
  'denied',
  'deleted',
  'removed',
  'expired',
  'anonymous',
] as const;
export type Identity = (typeof identities)[number];

/** The cluster that an identity belongs to. */
export function homeOf(identity: Identity): string {
  const isGone = identity === 'denied' || identity === 'deleted' || identity === 'removed';
  return isGone ? identity : 'own';
}

export interface Asked {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE';
  readonly path: string;
  readonly body?: object;
  readonly contentType?: string;
}

interface Credentials {
  readonly token?: string;
  readonly certificate?: ClientCertificate;
}

const env = createNodeEnv({ logLevel: 'silent' });

export class AccessWorld {
  readonly #fleet = new Fleet();
  readonly #transports = new Map<Identity | 'admin', Transport>();

  async start(): Promise<void> {
    const { user } = await this.#startHub();
    this.#connect('admin', { certificate: user });
    const hub = this.#client('admin');
    const [own] = await Promise.all([
      this.#join('agent'),
      this.#join('denied'),
      this.#join('deleted'),
      this.#join('removed'),
    ]);
    await hub.create(wellKnown.managedClusters, {
      ...cluster({ name: 'other' }),
      spec: { hubAcceptsClient: true },
    });
    await eventually('the namespace of other', () => this.#isThere('/api/v1/namespaces/other'));
    this.#connect('bootstrap', { token: await this.#token('own') });
    this.#connect('expired', { certificate: this.#expired(own) });
    this.#connect('anonymous', {});
    for (const kind of kinds) {
      if (kind.subresource !== undefined) continue;
      for (const scope of kind.scopes) {
        const all = scope === 'hub' ? ['hub'] : ['own', 'other', 'denied', 'deleted', 'removed'];
        await Promise.all(all.map((of) => this.#ensure(kind, of)));
      }
    }
    await this.#shutOut();
  }

  async close(): Promise<void> {
    for (const transport of this.#transports.values()) await transport.close();
    await this.#fleet.close();
  }

  /** A stream is given up once its head is there. */
  async ask(
    identity: Identity | 'admin',
    { method, path, body, contentType = 'application/json' }: Asked,
  ): Promise<{ status: number; text: string }> {
    const transport = this.#transports.get(identity) ?? expect.fail(`${identity} has no connection`);
    const given = createStopController();
    const response = await transport.request({
      method,
      path,
      headers: { 'content-type': contentType, accept: 'application/json' },
      signal: given.signal,
      ...(body && { body: JSON.stringify(body) }),
    });
    if (path.includes('watch=true') && response.status === 200) {
      given.abort(new Error('seen enough'));
      return { status: 200, text: '' };
    }
    return { status: response.status, text: Buffer.from(await response.bytes()).toString() };
  }

  async #startHub(): Promise<{ user: ClientCertificate }> {
    await this.#fleet.startHub();
    const { user } = loadKubeconfig(this.#read(this.#fleet.hubKubeconfig));
    const [cert, key] = [user.clientCertificateData, user.clientKeyData];
    return { user: { cert: cert ?? '', key: key ?? '' } };
  }

  #read(path: string): string {
    return readFileSync(path, 'utf8');
  }

  #pki(name: string): string {
    return this.#read(join(this.#fleet.directory, 'hub', 'pki', name));
  }

  #dial({ token, certificate }: Credentials): Transport {
    return createHttpsTransport({
      server: `https://127.0.0.1:${this.#fleet.hubPort}`,
      ca: this.#pki('ca.crt'),
      clock: env.clock,
      ...(token !== undefined && { bearerToken: () => token }),
      ...(certificate && { clientCertificate: () => certificate }),
    });
  }

  #connect(identity: Identity | 'admin', credentials: Credentials): void {
    this.#transports.set(identity, this.#dial(credentials));
  }

  #client(identity: Identity | 'admin'): KubeClient {
    return createClient(this.#transports.get(identity) ?? expect.fail(`${identity} has no connection`));
  }

  async #token(of: string): Promise<string> {
    const made = must(await this.#fleet.hubCommand('token', 'create', '--cluster', of));
    return parseJoinString(made.trim()).token;
  }

  /** As an agent does: with a token, a ManagedCluster and a certificate request, which `hub approve` accepts. */
  async #join(identity: Identity): Promise<ClientCertificate> {
    const of = homeOf(identity);
    const { privateKeyPem: key } = generateKeyPair();
    const transport = this.#dial({ token: await this.#token(of) });
    const bootstrap = createClient(transport);
    await bootstrap.create(wellKnown.managedClusters, cluster({ name: of }));
    await bootstrap.create(
      wellKnown.certificateSigningRequests,
      csr({ name: `${of}-joining` }, of, { privateKeyPem: key }),
    );
    await transport.close();
    must(await this.#fleet.hubCommand('approve', of));
    const cert = await eventually(`the certificate of ${of}`, async () => {
      const request = await this.#client('admin').get<
        KubeObject & { readonly status?: { readonly certificate?: string } }
      >(wellKnown.certificateSigningRequests, { name: `${of}-joining` });
      return request.status?.certificate;
    });
    const certificate = { cert: Buffer.from(cert, 'base64').toString(), key };
    this.#connect(identity, { certificate });
    return certificate;
  }

  /** The same key once more, in a certificate that has ended. */
  #expired({ cert: of, key }: ClientCertificate): ClientCertificate {
    const cert = issueCertificate({
      ca: { certificatePem: this.#pki('ca.crt'), privateKeyPem: this.#pki('ca.key') },
      publicKeyDer: parseCertificate(of).publicKeyDer,
      subject: { commonName: agentUserName('own', 'a1'), organizations: agentGroups('own') },
      notBeforeMs: Date.now() - 7_200_000,
      notAfterMs: Date.now() - 3_600_000,
      usages: ['client auth'],
      random: { bytes: (length) => new Uint8Array(randomBytes(length)) },
    });
    return { cert, key };
  }

  async #isThere(path: string): Promise<boolean> {
    return (await this.ask('admin', { method: 'GET', path })).status === 200;
  }

  async #ensure({ ref, key, object }: Kind, of: string): Promise<void> {
    const at = key(of);
    if (!(await this.#isThere(pathOf(ref, at)))) await this.#client('admin').create(ref, object(at, of));
  }

  /** There is no klusterlet: what the clusters would have to clean up is taken away first. */
  async #shutOut(): Promise<void> {
    for (const namespace of ['denied', 'deleted', 'removed']) {
      for (const { ref, key } of [workKind, addonKind]) {
        const path = pathOf(ref, key(namespace));
        expect((await this.ask('admin', { method: 'DELETE', path })).status).to.equal(200);
      }
    }
    must(await this.#fleet.hubCommand('deny', 'denied'));
    must(await this.#fleet.kubectl('delete', 'managedcluster', 'deleted'));
    must(await this.#fleet.hubCommand('clusters', 'remove', 'removed', '--yes'));
    for (const [identity, status] of [
      ['denied', 403],
      ['deleted', 403],
      ['removed', 401],
    ] as const) {
      const path = pathOf(workKind.ref, { namespace: identity });
      await eventually(`the rights of ${identity} end`, async () => {
        return (await this.ask(identity, { method: 'GET', path })).status === status;
      });
    }
  }
}
