/**
 * Checks of the addresses at which clusters are to reach the hub: those of join strings that are still good, and those
 * that klusterlets were told (`hub serve --advertise`). Each is probed from here, which may not be where clusters are.
 * Called by `hub doctor`.
 */
import { hubAddressesAnnotation, type KubeObject, type ManagedCluster } from '@flotilla/api';
import { parseCertificate, publicKeyHash, splitCertificates, toPem, wellKnown } from '@flotilla/kube';
import { type Finding, failure, ok, warning } from '@flotilla/kube/cli';
import { probeTls } from '@flotilla/kube/node';
import { bootstrapTokenNamespace } from '../tokens/bootstrap-token.js';
import { readTerms } from '../tokens/token-terms.js';
import type { Connection } from './connect.js';

const probeTimeoutMs = 5000;

export function hostOf(server: string): { host: string; port: number } {
  const url = new URL(server);
  return { host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 443) };
}

/** Whoever joins by one that does not lead to the hub fails. */
export async function checkJoinAddresses(hub: Connection): Promise<readonly Finding[]> {
  const { items } = await hub.client.list<KubeObject>(wellKnown.secrets, {
    namespace: bootstrapTokenNamespace,
    fieldSelector: 'type=bootstrap.kubernetes.io/token',
  });
  const servers = new Set([hub.server, ...items.flatMap((secret) => readTerms(secret).servers ?? [])]);
  const probed = await Promise.all([...servers].map((address) => probe(hub, address)));
  return probed.map((found) => {
    if (found.ok) return ok(found.message);
    const fix = `make new join strings with an address that clusters reach ("hub token create --server"), or let ${found.address} lead to the hub`;
    return failure(found.message, found.fix ?? fix);
  });
}

/** One where the hub is not, or is not yet, harms nobody as long as another is well. */
export async function checkAdvertised(hub: Connection): Promise<readonly Finding[]> {
  const { items } = await hub.client.list<ManagedCluster>(wellKnown.managedClusters, { metadataOnly: true });
  const told = items.map(({ metadata }) => metadata.annotations?.[hubAddressesAnnotation] ?? '');
  const servers = new Set(told.flatMap((list) => list.split(',')).filter((address) => address !== ''));
  if (servers.size === 0)
    return [ok('klusterlets were told none: they stay with those of their join strings')];
  const probed = await Promise.all([...servers].map((address) => probe(hub, address)));
  const isSomeWell = probed.some((found) => found.ok);
  return probed.map((found) => {
    if (found.ok) return ok(found.message);
    const message = `klusterlets were told an address that does not lead to the hub: ${found.message}`;
    const fix = found.fix ?? 'let it lead to the hub, or start the hub without it (--advertise)';
    return isSomeWell ? warning(message, fix) : failure(message, fix);
  });
}

interface Probed {
  readonly address: string;
  readonly ok: boolean;
  readonly message: string;
  /** Where it is not what any address may need. */
  readonly fix?: string;
}

/** Sends nothing but the handshake. */
async function probe({ env, ca }: Connection, address: string): Promise<Probed> {
  // While the authority is rolled there are two.
  const pins = ca === undefined ? undefined : splitCertificates(ca).map((each) => publicKeyHash(each));
  const { host, port } = hostOf(address);
  try {
    const target = { host, port, clock: env.clock, label: 'hub', timeoutMs: probeTimeoutMs };
    const { certificates } = await probeTls(target);
    if (pins !== undefined && !certificates.some((each) => pins.includes(publicKeyHash(each))))
      return { address, ok: false, message: `${address} does not show the authority that join strings pin` };
    const [leaf] = certificates;
    const names = leaf === undefined ? undefined : parseCertificate(toPem('CERTIFICATE', leaf));
    const all = [...(names?.dnsNames ?? []), ...(names?.ipAddresses ?? [])];
    if (names !== undefined && !all.includes(host))
      return {
        address,
        ok: false,
        message: `the certificate that ${address} shows is for other names: ${all.join(', ')}`,
        fix: `start the hub with --advertise ${address}`,
      };
    return { address, ok: true, message: `${address} is reached from here` };
  } catch (error) {
    return { address, ok: false, message: error instanceof Error ? error.message : String(error) };
  }
}
