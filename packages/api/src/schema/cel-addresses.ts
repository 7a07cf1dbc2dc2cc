/**
 * IP addresses and networks in CEL: `ip`, `isIP`, `cidr`, `isCIDR` and their methods. An IPv4 address in IPv6 form is
 * refused, as Kubernetes does. Called by cel-library.
 */
import type { Environment } from '@marcbachmann/cel-js';
import { isIpv4, isIpv6 } from './formats.js';

class CelIp {
  readonly family: 4 | 6;
  readonly value: bigint;

  constructor(family: 4 | 6, value: bigint) {
    this.family = family;
    this.value = value;
  }

  get bits(): number {
    return this.family === 4 ? 32 : 128;
  }

  /** Whether the address begins like the one in the text. */
  isIn(network: string): boolean {
    return contains(requireCidr(network), this);
  }

  /** The canonical form, for IPv6 that of RFC 5952. */
  toString(): string {
    const size = this.family === 4 ? 8 : 16;
    const count = this.bits / size;
    const parts = Array.from({ length: count }, (_, i) =>
      Number((this.value >> BigInt((count - 1 - i) * size)) & ((1n << BigInt(size)) - 1n)),
    );
    if (this.family === 4) return parts.join('.');
    const text = parts.map((part) => part.toString(16)).join(':');
    const runs = text.match(/\b0(?::0)+\b/g) ?? [];
    const longest = runs.reduce((best, run) => (run.length > best.length ? run : best), '');
    if (longest === '') return text;
    const at = text.search(new RegExp(`\\b${longest}\\b`));
    const [head, tail] = [text.slice(0, at), text.slice(at + longest.length)];
    return `${head.replace(/:$/, '')}::${tail.replace(/^:/, '')}`;
  }
}

class CelCidr {
  readonly ip: CelIp;
  readonly length: number;

  constructor(ip: CelIp, length: number) {
    this.ip = ip;
    this.length = length;
  }

  get masked(): CelCidr {
    const shift = BigInt(this.ip.bits - this.length);
    return new CelCidr(new CelIp(this.ip.family, (this.ip.value >> shift) << shift), this.length);
  }

  toString(): string {
    return `${this.ip}/${this.length}`;
  }
}

function parseIp(text: string): CelIp | undefined {
  if (isIpv4(text)) return new CelIp(4, ipv4Value(text));
  if (!isIpv6(text)) return undefined;
  const [head = '', tail] = text.split('::').map(groupsOf);
  const before = head === '' ? [] : head;
  const after = tail ?? [];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => 0n);
  const value = [...before, ...zeros, ...after].reduce((sum, group) => (sum << 16n) | group, 0n);
  return value >> 32n === 0xffffn ? undefined : new CelIp(6, value);
}

function groupsOf(half: string): bigint[] {
  if (half === '') return [];
  return half.split(':').flatMap((part) => {
    if (!part.includes('.')) return [BigInt(`0x${part}`)];
    const value = ipv4Value(part);
    return [value >> 16n, value & 0xffffn];
  });
}

function ipv4Value(text: string): bigint {
  return text.split('.').reduce((sum, part) => (sum << 8n) | BigInt(part), 0n);
}

function parseCidr(text: string): CelCidr | undefined {
  const slash = text.indexOf('/');
  const ip = slash < 0 ? undefined : parseIp(text.slice(0, slash));
  const length = text.slice(slash + 1);
  if (ip === undefined || !/^(?:0|[1-9]\d{0,2})$/.test(length) || Number(length) > ip.bits) return undefined;
  return new CelCidr(ip, Number(length));
}

function requireIp(text: string): CelIp {
  const ip = parseIp(text);
  if (ip !== undefined) return ip;
  throw new Error(`IP Address ${JSON.stringify(text)} parse error during conversion from string`);
}

function requireCidr(text: string): CelCidr {
  const cidr = parseCidr(text);
  if (cidr !== undefined) return cidr;
  throw new Error(`network address parse error during conversion from string: ${JSON.stringify(text)}`);
}

function contains(cidr: CelCidr, ip: CelIp): boolean {
  return (
    cidr.ip.family === ip.family && cidr.masked.ip.value === new CelCidr(ip, cidr.length).masked.ip.value
  );
}

function containsCidr(outer: CelCidr, inner: CelCidr): boolean {
  return outer.length <= inner.length && contains(outer, inner.ip);
}

const isUnspecified = ({ value }: CelIp): boolean => value === 0n;
const isLoopback = (ip: CelIp): boolean => ip.isIn('127.0.0.0/8') || ip.isIn('::1/128');
const isMulticast = (ip: CelIp): boolean => ip.isIn('224.0.0.0/4') || ip.isIn('ff00::/8');
const isLinkLocalUnicast = (ip: CelIp): boolean => ip.isIn('169.254.0.0/16') || ip.isIn('fe80::/10');
/** For IPv6 the scope counts, whatever the flags before it. */
const isLinkLocalMulticast = (ip: CelIp): boolean =>
  ip.isIn('224.0.0.0/24') || (ip.isIn('ff00::/8') && ((ip.value >> 112n) & 0xfn) === 2n);
const isGlobalUnicast = (ip: CelIp): boolean =>
  !(isUnspecified(ip) || isLoopback(ip) || isMulticast(ip) || isLinkLocalUnicast(ip)) &&
  !ip.isIn('255.255.255.255/32');

class IpNamespace {}

/** Adds the functions to the environment. */
export function registerAddresses(env: Environment): void {
  env.registerType('IP', CelIp);
  env.registerType('IPNamespace', IpNamespace);
  env.registerConstant('ip', 'IPNamespace', new IpNamespace());
  env.registerFunction('isIP(string): bool', (text: string) => parseIp(text) !== undefined);
  env.registerFunction('ip(string): IP', requireIp);
  env.registerFunction(
    'IPNamespace.isCanonical(string): bool',
    (_: unknown, text: string) => requireIp(text).toString() === text,
  );
  env.registerFunction('string(IP): string', (ip: CelIp) => ip.toString());
  env.registerFunction('IP.family(): int', ({ family }: CelIp) => BigInt(family));
  env.registerFunction('IP.isUnspecified(): bool', isUnspecified);
  env.registerFunction('IP.isLoopback(): bool', isLoopback);
  env.registerFunction('IP.isLinkLocalMulticast(): bool', isLinkLocalMulticast);
  env.registerFunction('IP.isLinkLocalUnicast(): bool', isLinkLocalUnicast);
  env.registerFunction('IP.isGlobalUnicast(): bool', isGlobalUnicast);
  env.registerOperator('IP == IP', (a: CelIp, b: CelIp) => a.family === b.family && a.value === b.value);

  env.registerType('CIDR', CelCidr);
  env.registerFunction('isCIDR(string): bool', (text: string) => parseCidr(text) !== undefined);
  env.registerFunction('cidr(string): CIDR', requireCidr);
  env.registerFunction('string(CIDR): string', (cidr: CelCidr) => cidr.toString());
  env.registerFunction('CIDR.ip(): IP', ({ ip }: CelCidr) => ip);
  env.registerFunction('CIDR.masked(): CIDR', ({ masked }: CelCidr) => masked);
  env.registerFunction('CIDR.prefixLength(): int', ({ length }: CelCidr) => BigInt(length));
  env.registerFunction('CIDR.containsIP(IP): bool', contains);
  env.registerFunction('CIDR.containsIP(string): bool', (cidr: CelCidr, text: string) =>
    contains(cidr, requireIp(text)),
  );
  env.registerFunction('CIDR.containsCIDR(CIDR): bool', containsCidr);
  env.registerFunction('CIDR.containsCIDR(string): bool', (cidr: CelCidr, text: string) =>
    containsCidr(cidr, requireCidr(text)),
  );
  env.registerOperator('CIDR == CIDR', (a: CelCidr, b: CelCidr) => a.toString() === b.toString());
}
