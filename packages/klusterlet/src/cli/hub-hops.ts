/**
 * The way from a klusterlet to its hub, hop by hop: name, route (or proxy), TLS, the pinned CA. Sends nothing but the
 * handshake. Called by `klusterlet join` before it changes anything, and by `klusterlet doctor`.
 */
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import { type Env, parseCertificate, TransportError, type TransportHop } from '@flotilla/kube';
import { CheckError, type Checklist, ok } from '@flotilla/kube/cli';
import { bypassesProxy, type ProxyOptions, probeTls } from '@flotilla/kube/node';
import { checkChain, findPinnedCa, PinError } from '../registration/pinned-ca.js';
import { hubProxy } from './hub-proxy.js';

export interface HopOptions {
  readonly env: Env;
  /** All addresses of the hub. */
  readonly servers: readonly string[];
  /** What the hub is known by: its authorities as PEM, or only the pin of one, which it has to show then. */
  readonly trust: { readonly ca: string } | { readonly caHash: string };
  /** The one that was given; else the environment names it. */
  readonly proxyUrl: string | undefined;
}

export interface ReachedHub {
  /** The first address that can be reached. */
  readonly server: string;
  /** PEM: the authorities that were given, or the one that matches the pin. */
  readonly ca: string;
}

const hops = ['name', 'route', 'tls', 'ca'] as const;
type Hop = (typeof hops)[number];

/**
 * One line for each hop of each address. An address that fails is a warning when another one is well, since that is
 * what further addresses are for. Undefined: none can be reached, and the list has the failures.
 */
export async function checkHops(list: Checklist, options: HopOptions): Promise<ReachedHub | undefined> {
  const ways = [];
  for (const server of options.servers) ways.push(await walk(server, options));
  const reached = ways.find(({ ca }) => ca !== undefined);
  for (const { server, steps } of ways) {
    const suffix = options.servers.length > 1 ? ` ${new URL(server).host}` : '';
    for (const { hop, error, message } of steps) {
      const check = `hub ${hop}${suffix}`;
      if (error === undefined) list.add({ check, ...ok(message) });
      else
        list.add({
          check,
          verdict: reached === undefined ? 'fail' : 'warn',
          message: error.message,
          fix: error.fix,
        });
    }
  }
  return reached?.ca === undefined ? undefined : { server: reached.server, ca: reached.ca };
}

interface Step {
  readonly hop: Hop | 'clock';
  readonly message: string;
  readonly error?: CheckError;
}

interface Way {
  readonly server: string;
  readonly steps: readonly Step[];
  readonly ca?: string;
}

/** To the first hop that fails. */
async function walk(server: string, options: HopOptions): Promise<Way> {
  const { env, trust, proxyUrl } = options;
  const known = 'ca' in trust ? trust.ca : undefined;
  const proxy = hubProxy(server, {
    ...(known !== undefined && { ca: known }),
    ...(proxyUrl !== undefined && { url: proxyUrl }),
  });
  const url = new URL(server);
  const host = url.hostname.replace(/^\[|\]$/g, '');
  const port = Number(url.port || 443);
  const via =
    proxy !== undefined && !bypassesProxy({ label: 'hub', host, port }, proxy.noProxy ?? '')
      ? proxy
      : undefined;
  const steps: Step[] = [];
  const failed = (hop: Step['hop'], error: CheckError): Way => ({
    server,
    steps: [...steps, { hop, message: '', error }],
  });
  if (via === undefined) {
    try {
      steps.push({ hop: 'name', message: await resolveName({ host, port }) });
    } catch (error) {
      return failed(
        'name',
        asCheckError(
          error,
          `put ${host} into DNS, or into /etc/hosts of this machine; or make a join string with another address ("hub token create --server")`,
        ),
      );
    }
  }
  try {
    const probe = await probeTls({ host, port, clock: env.clock, label: 'hub', ...(via && { proxy: via }) });
    const shown = { server, chain: probe.certificates, nowMs: env.clock.now() };
    if ('ca' in trust) checkChain(shown, trust.ca);
    const ca = 'ca' in trust ? trust.ca : findPinnedCa(shown, trust.caHash);
    steps.push({
      hop: 'route',
      message:
        via === undefined
          ? `${url.host} takes connections`
          : `${url.host} is reached through the proxy ${withoutPassword(via.url)}`,
    });
    steps.push({ hop: 'tls', message: `${url.host} speaks ${probe.tlsVersion}` });
    const wrongName = nameMismatch(host, probe.certificates[0]);
    if (wrongName !== undefined)
      return failed(
        'ca',
        new CheckError(
          wrongName,
          `start the hub with --advertise ${server}, or make a join string with a name that its certificate has ("hub token create --server")`,
        ),
      );
    steps.push({
      hop: 'ca',
      message: `the certificate is signed by the ${known === undefined ? 'pinned' : 'known'} authority and valid now`,
    });
    return { server, steps, ca };
  } catch (error) {
    if (error instanceof PinError) {
      steps.push({ hop: 'route', message: `${url.host} takes connections` });
      return failed(error.hop, new CheckError(error.message, pinFixes[error.hop]));
    }
    if (!(error instanceof TransportError)) throw error;
    const hop = hopOf[error.hop];
    if (hop === 'tls') steps.push({ hop: 'route', message: `${url.host} takes connections` });
    return failed(hop, new CheckError(error.message, fixFor(error, { host, port, via })));
  }
}

/** Undefined: the certificate is for this host. */
function nameMismatch(host: string, leaf: Uint8Array | undefined): string | undefined {
  if (leaf === undefined) return 'the hub shows no certificate';
  const { dnsNames, ipAddresses } = parseCertificate(leaf);
  const names = [...dnsNames.map((name) => `DNS:${name}`), ...ipAddresses.map((ip) => `IP Address:${ip}`)];
  const shown = { subject: { CN: '' }, subjectaltname: names.join(', ') } as unknown as PeerCertificate; // all that is looked at
  return checkServerIdentity(host, shown) === undefined
    ? undefined
    : `the hub's certificate is for other names than ${host}: ${[...dnsNames, ...ipAddresses].join(', ')} (CA)`;
}

async function resolveName({ host, port }: { host: string; port: number }): Promise<string> {
  if (isIP(host) !== 0) return `${host} is an address`;
  try {
    const { address } = await lookup(host);
    return `${host} is ${address}`;
  } catch (cause) {
    throw new Error(`cannot reach hub at ${host}:${port}: the host name is not known (DNS)`, { cause });
  }
}

function asCheckError(error: unknown, fix: string): CheckError {
  return new CheckError(error instanceof Error ? error.message : String(error), fix);
}

const hopOf: Readonly<Record<TransportHop, Hop>> = {
  config: 'route',
  dns: 'name',
  tcp: 'route',
  timeout: 'route',
  closed: 'tls',
  tls: 'tls',
  ca: 'ca',
};

const pinFixes: Readonly<Record<PinError['hop'], string>> = {
  ca: 'get a new join string ("hub token create") or bootstrap kubeconfig from the hub itself; if it does not match again, ask who stands between',
  clock: 'set the clock of this machine by NTP (timedatectl set-ntp true)',
};

function fixFor(
  { hop }: TransportError,
  { host, port, via }: { host: string; port: number; via: ProxyOptions | undefined },
): string {
  if (via !== undefined && hop !== 'tls' && hop !== 'closed')
    return `check --proxy-url (or HTTPS_PROXY) and whether the proxy lets CONNECT to ${host}:${port} through; NO_PROXY=${host} goes around it`;
  if (hop === 'tcp' || hop === 'timeout')
    return `see whether the hub runs, and whether a firewall keeps port ${port} of ${host} from this machine; a proxy is named by --proxy-url`;
  if (hop === 'dns') return `put ${host} into DNS`;
  return `see whether ${host}:${port} is the hub's port: something else answers there, or takes the connection apart`;
}

function withoutPassword(text: string): string {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  return url === undefined ? text : `${url.protocol}//${url.host}`;
}
