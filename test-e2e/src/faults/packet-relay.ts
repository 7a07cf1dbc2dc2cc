/**
 * A stretch of network between two hosts that a test makes bad: it carries the VXLAN packets of both and drops, delays
 * and thins them out on the way. In place of `tc netem`, which many kernels are built without, and with chance from a
 * seed. It sees whole Ethernet frames, so nobody is told of a loss: no reset, no ICMP.
 */
import { createSocket, type Socket } from 'node:dgram';
import type { Random } from '@flotilla/kube';

export interface Side {
  /** Of the relay, as this host reaches it. */
  readonly local: string;
  readonly remote: string;
}

export interface Weather {
  readonly isCut?: boolean;
  readonly delayMs?: number;
  readonly lossPercent?: number;
  readonly bytesPerSecond?: number;
}

export type Direction = 'toHub' | 'toEdge';

/** The assigned port of VXLAN (RFC 7348). */
export const vxlanPort = 4789;
/** What a narrow stretch holds back before it drops, as a router does. */
const queueBytes = 128 * 1024;

export class PacketRelay {
  readonly #random: Random;
  readonly #sides: Readonly<Record<'hub' | 'edge', Side>>;
  readonly #sockets: Partial<Record<'hub' | 'edge', Socket>> = {};
  readonly #weather: Record<Direction, Weather> = { toHub: {}, toEdge: {} };
  readonly #freeAtMs: Record<Direction, number> = { toHub: 0, toEdge: 0 };
  /** TCP ports of the edge whose connections have been used, and those of which nothing passes any more. */
  readonly #used = new Set<number>();
  readonly #dead = new Set<number>();
  carried = 0;
  dropped = 0;

  constructor(sides: Readonly<Record<'hub' | 'edge', Side>>, random: Random) {
    this.#sides = sides;
    this.#random = random;
  }

  async open(): Promise<void> {
    for (const side of ['hub', 'edge'] as const) {
      const socket = createSocket('udp4');
      this.#sockets[side] = socket;
      socket.on('message', (packet) => this.#take(packet, side === 'edge' ? 'toHub' : 'toEdge'));
      socket.on('error', () => undefined); // a packet that cannot be sent is lost, as packets are
      await new Promise<void>((resolve, reject) => {
        socket.once('error', reject);
        socket.bind(vxlanPort, this.#sides[side].local, resolve);
      });
    }
  }

  close(): void {
    for (const side of ['hub', 'edge'] as const) {
      this.#sockets[side]?.close();
      delete this.#sockets[side];
    }
  }

  /** From now on; a direction that is left out is fair. */
  set(weather: Partial<Record<Direction, Weather>>): void {
    this.#weather.toHub = weather.toHub ?? {};
    this.#weather.toEdge = weather.toEdge ?? {};
  }

  /** Nothing of the TCP connections there are now will ever pass again; new ones are well. How many they are. */
  forgetConnections(): number {
    for (const port of this.#used) this.#dead.add(port);
    const count = this.#used.size;
    this.#used.clear();
    return count;
  }

  #take(packet: Buffer, direction: Direction): void {
    const { isCut = false, delayMs = 0, lossPercent = 0, bytesPerSecond } = this.#weather[direction];
    const port = edgePort(packet, direction);
    if (port !== undefined && !this.#dead.has(port)) this.#used.add(port);
    const isDead = port !== undefined && this.#dead.has(port);
    if (isCut || isDead || this.#random.next() * 100 < lossPercent) {
      this.dropped++;
      return;
    }
    let waitMs = delayMs;
    if (bytesPerSecond !== undefined) {
      const nowMs = performance.now();
      const beginMs = Math.max(nowMs, this.#freeAtMs[direction]);
      if (((beginMs - nowMs) / 1000) * bytesPerSecond > queueBytes) {
        this.dropped++;
        return;
      }
      this.#freeAtMs[direction] = beginMs + (packet.length / bytesPerSecond) * 1000;
      waitMs += this.#freeAtMs[direction] - nowMs;
    }
    if (waitMs < 1) this.#pass(packet, direction);
    else setTimeout(() => this.#pass(packet, direction), waitMs);
  }

  #pass(packet: Buffer, direction: Direction): void {
    const side = direction === 'toHub' ? 'hub' : 'edge';
    completeChecksum(packet);
    this.carried++;
    this.#sockets[side]?.send(packet, vxlanPort, this.#sides[side].remote);
  }
}

/** Where the IPv4 packet begins: after the headers of VXLAN (8 bytes) and Ethernet (14). */
const ipAt = 22;

/** Where the TCP segment begins; undefined for anything else. */
function tcpAt(packet: Buffer): number | undefined {
  const isIpv4 = packet.length >= ipAt + 20 && packet.readUInt16BE(ipAt - 2) === 0x0800;
  if (!isIpv4 || packet.readUInt8(ipAt + 9) !== 6) return undefined;
  const at = ipAt + (packet.readUInt8(ipAt) & 0x0f) * 4;
  return packet.length >= at + 20 ? at : undefined;
}

function edgePort(packet: Buffer, direction: Direction): number | undefined {
  const at = tcpAt(packet);
  return at === undefined ? undefined : packet.readUInt16BE(at + (direction === 'toHub' ? 0 : 2));
}

/** Writes the checksum of a TCP segment, which the kernel leaves to a network card that is not there (RFC 9293, 3.1). */
function completeChecksum(packet: Buffer): void {
  const at = tcpAt(packet);
  if (at === undefined) return;
  const length = packet.readUInt16BE(ipAt + 2) - (at - ipAt);
  packet.writeUInt16BE(0, at + 16);
  let sum = 6 + length;
  for (let i = ipAt + 12; i < ipAt + 20; i += 2) sum += packet.readUInt16BE(i);
  const end = at + length;
  for (let i = at; i + 1 < end; i += 2) sum += packet.readUInt16BE(i);
  if (length % 2 === 1) sum += packet.readUInt8(end - 1) << 8;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  packet.writeUInt16BE(~sum & 0xffff, at + 16);
}
