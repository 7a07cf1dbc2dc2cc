/**
 * Addresses of Services out of one IPv4 range, and node ports out of Kubernetes' range. What is taken is read from the
 * stored Services each time; what was just given out, and may not be stored yet, is remembered for a moment: here, and
 * where other servers give out of the same range, in the store by `reserve`.
 */
import { fieldErrors, type KubeObject, newInvalid } from '@flotilla/api';
import { numberAt, objectsAt, textsAt } from './access.js';
import type { ServiceNetwork } from './define.js';

export interface ServiceNetworkOptions {
  /** For example `10.96.0.0/16`. */
  readonly cidr: string;
  /** All stored Services. */
  readonly services: () => readonly KubeObject[];
  /** Where other servers share the store: false when one of them is about to use the value. Absent: there are none. */
  readonly reserve?: (value: string, nowMs: number) => Promise<boolean>;
}

const firstNodePort = 30_000;
const lastNodePort = 32_767;
/** Writes in flight at one time are far fewer. */
const maxRecent = 1024;
/** Longer than a write takes, shorter than a user needs to delete a Service and make it again. */
const reservedMs = 2_000;

/** @throws Error for a range that is not IPv4, or has no room for a Service. */
export function createServiceNetwork({ cidr, services, reserve }: ServiceNetworkOptions): ServiceNetwork {
  const range = parseRange(cidr);
  const ips = new Recent<number>();
  const ports = new Recent<number>();
  const isOurs = async (
    value: string,
    { dryRun, nowMs }: { dryRun: boolean; nowMs: number },
  ): Promise<boolean> => dryRun || reserve === undefined || reserve(value, nowMs);
  return {
    async allocateIp({ requested, dryRun, nowMs }) {
      const taken = new Set(services().flatMap((service) => textsAt(service, 'spec', 'clusterIPs')));
      if (requested !== undefined) {
        const number = parseIp(requested);
        if (number === undefined || number <= range.base || number >= range.base + range.size - 1) {
          throw refuse(
            'spec.clusterIPs',
            [requested],
            `failed to allocate IP ${requested}: the provided IP is not in the valid range. The range of valid IPs is ${cidr}`,
          );
        }
        const isTaken = taken.has(requested) || ips.has(number, nowMs);
        if (!isTaken && !dryRun) ips.add(number, nowMs);
        if (isTaken || !(await isOurs(requested, { dryRun, nowMs }))) {
          throw refuse(
            'spec.clusterIPs',
            [requested],
            `failed to allocate IP ${requested}: provided IP is already allocated`,
          );
        }
        return requested;
      }
      for (let offset = 1; offset < range.size - 1; offset++) {
        const number = range.base + offset;
        const text = formatIp(number);
        if (taken.has(text) || ips.has(number, nowMs)) continue;
        if (!dryRun) ips.add(number, nowMs);
        if (await isOurs(text, { dryRun, nowMs })) return text;
      }
      throw refuse('spec.clusterIPs', [], 'failed to allocate a serviceIP: range is full');
    },
    async allocateNodePort({ requested, dryRun, nowMs }) {
      const taken = new Set(
        services().flatMap((service) =>
          objectsAt(service, 'spec', 'ports').map((port) => numberAt(port, 'nodePort')),
        ),
      );
      if (requested !== undefined) {
        if (requested < firstNodePort || requested > lastNodePort) {
          throw refuse(
            'spec.ports[0].nodePort',
            requested,
            `provided port is not in the valid range. The range of valid ports is ${firstNodePort}-${lastNodePort}`,
          );
        }
        const isTaken = taken.has(requested) || ports.has(requested, nowMs);
        if (!isTaken && !dryRun) ports.add(requested, nowMs);
        if (isTaken || !(await isOurs(String(requested), { dryRun, nowMs }))) {
          throw refuse('spec.ports[0].nodePort', requested, 'provided port is already allocated');
        }
        return requested;
      }
      for (let port = firstNodePort; port <= lastNodePort; port++) {
        if (taken.has(port) || ports.has(port, nowMs)) continue;
        if (!dryRun) ports.add(port, nowMs);
        if (await isOurs(String(port), { dryRun, nowMs })) return port;
      }
      throw refuse('spec.ports[0].nodePort', 0, 'failed to allocate a nodePort: range is full');
    },
  };
}

/** A set that forgets its members after a moment, and the oldest when there are too many. */
class Recent<T> {
  readonly #times = new Map<T, number>();

  has(item: T, nowMs: number): boolean {
    return nowMs - (this.#times.get(item) ?? Number.NEGATIVE_INFINITY) < reservedMs;
  }

  add(item: T, nowMs: number): void {
    this.#times.delete(item);
    this.#times.set(item, nowMs);
    for (const [oldest, time] of this.#times) {
      if (nowMs - time < reservedMs && this.#times.size <= maxRecent) return;
      this.#times.delete(oldest);
    }
  }
}

function refuse(field: string, value: unknown, detail: string): Error {
  return newInvalid({ group: '', resource: 'Service' }, [fieldErrors.invalid(field, value, detail)]);
}

function parseRange(cidr: string): { base: number; size: number } {
  const [address = '', bits = ''] = cidr.split('/');
  const base = parseIp(address);
  const length = Number(bits);
  if (base === undefined || !/^\d{1,2}$/.test(bits) || length < 8 || length > 30) {
    throw new Error(`${JSON.stringify(cidr)} is not an IPv4 range with a prefix of 8 to 30 bits`);
  }
  const size = 2 ** (32 - length);
  return { base: base - (base % size), size };
}

/** An IPv4 address as a number. */
function parseIp(text: string): number | undefined {
  const parts = text.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : 256));
  if (parts.length !== 4 || parts.some((part) => part > 255)) return undefined;
  return parts.reduce((sum, part) => sum * 256 + part, 0);
}

function formatIp(address: number): string {
  return [2 ** 24, 2 ** 16, 2 ** 8, 1].map((unit) => Math.floor(address / unit) % 256).join('.');
}
