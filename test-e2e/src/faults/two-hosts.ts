/**
 * Two hosts as network namespaces of this machine, hub and edge. Each has a line of its own to the test, which is never
 * disturbed; the only way from one to the other is a VXLAN through the test's packet relay. Nothing of the machine's own
 * network is touched, and close() leaves nothing behind. Needs root and `ip` (Debian: iproute2).
 */
import type { Random } from '@flotilla/kube';
import { must } from '../support/fleet.js';
import { run } from '../support/processes.js';
import { PacketRelay, vxlanPort } from './packet-relay.js';

export type HostName = 'hub' | 'edge';

/** Where an address ends, by host: on the line to the test, on the test's side of it, and between the two. */
const ends = { hub: { host: 1, test: 2, wan: 1 }, edge: { host: 5, test: 6, wan: 2 } } as const;
const names = ['hub', 'edge'] as const;

export class TwoHosts {
  readonly relay: PacketRelay;
  /** A third of the addresses that RFC 2544 sets aside for such networks; other runs have other numbers. */
  readonly #net = process.pid % 256;
  readonly #id = `flt${process.pid}`;

  constructor(random: Random) {
    const side = (name: HostName) => ({ local: this.#address(ends[name].test), remote: this.address(name) });
    this.relay = new PacketRelay({ hub: side('hub'), edge: side('edge') }, random);
  }

  /** Of a host, for the test. */
  address(name: HostName): string {
    return this.#address(ends[name].host);
  }

  /** Of a host, for the other. */
  wanAddress(name: HostName): string {
    return `198.19.${this.#net}.${ends[name].wan}`;
  }

  /** What a command begins with that is to run on the host. */
  launcher(name: HostName): readonly string[] {
    return ['ip', 'netns', 'exec', `${this.#id}${name}`];
  }

  /** @throws Error with the words of `ip` where the machine does not allow it. */
  async open(): Promise<void> {
    for (const name of names) await this.#add(name);
    await this.relay.open();
  }

  async close(): Promise<void> {
    this.relay.close();
    // Interfaces go with their namespace, and take the ends that are here along.
    for (const name of names) await run('ip', ['netns', 'delete', `${this.#id}${name}`]);
  }

  #address(end: number): string {
    return `198.18.${this.#net}.${end}`;
  }

  async #add(name: HostName): Promise<void> {
    const host = `${this.#id}${name}`;
    const line = `${this.#id}${name.charAt(0)}`;
    await ip('netns', 'add', host);
    await ip('link', 'add', line, 'type', 'veth', 'peer', 'name', 'line', 'netns', host);
    await ip('address', 'add', `${this.#address(ends[name].test)}/30`, 'dev', line);
    await ip('link', 'set', line, 'up');
    const inside = (...args: string[]): Promise<void> => ip('-n', host, ...args);
    await inside('address', 'add', `${this.address(name)}/30`, 'dev', 'line');
    await inside('link', 'set', 'lo', 'up');
    await inside('link', 'set', 'line', 'up');
    const tunnel = ['id', '1', 'remote', this.#address(ends[name].test), 'dstport', String(vxlanPort)];
    await inside('link', 'add', 'wan', 'type', 'vxlan', ...tunnel, 'dev', 'line');
    await inside('address', 'add', `${this.wanAddress(name)}/24`, 'dev', 'wan');
    // The relay wants packets as they would be on a wire, none that a network card has yet to cut up.
    await inside('link', 'set', 'wan', 'gso_max_segs', '1', 'up');
  }
}

async function ip(...args: string[]): Promise<void> {
  must(await run('ip', args));
}
