// A pod's limits in the kernel: one token bucket at each end of its veth. The pod's end holds what it sends, so that its
// own sockets wait instead of losing packets; the node's end holds what it receives
// (docs/decisions/bandwidth-by-queues.md).

import type { RequestSink } from '../kernel/netlink/request.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { addTbf, type Tbf, type TbfOptions, tbfAt } from '../kernel/netlink/tbf.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { RateLimit } from '../net/bandwidth.ts';
import type { IfIndex } from '../net/if-index.ts';

/** One end of a pod's veth and what may leave through it. */
export interface ShapedLink {
  readonly ifIndex: IfIndex;
  readonly mtuBytes: number;
  readonly limit: RateLimit | undefined;
}

const ethernetBytes = 14;
const headerAllowance = 1.02;
// What the default bucket holds: a timer that comes a few milliseconds late loses nothing of the rate. At low rates less
// than a GSO packet, which the kernel then cuts into its segments.
const burstMs = 10;
const leastBurstBytes = 16 * 1024;
// How long a packet waits at most in a full queue; long enough for the bursts of a connection that is starting.
const queueMs = 50;
// A GSO packet of 64 kB with the headers of all its segments has to find room.
const largestPacketBytes = 72 * 1024;
const u32Max = 0xffff_ffff;

/** Links without a limit keep the discipline they have. */
export function shapeLink(requests: RequestSink, link: ShapedLink): void {
  if (link.limit !== undefined) addTbf(requests, tbfOf(link, link.limit));
}

/**
 * The kernel counts frames, a limit counts IP packets: the rate is raised by the Ethernet header's share of a full-sized
 * packet, and a little more, so that the payload of TCP over IPv6 too (95.2 % of its packets) is within 5 % of what was
 * asked for.
 */
export function tbfOf({ ifIndex, mtuBytes }: ShapedLink, limit: RateLimit): TbfOptions {
  const frameBytes = mtuBytes + ethernetBytes;
  const bytesPerSecond = Math.round(
    (limit.bitsPerSecond / 8) * (frameBytes / mtuBytes) * headerAllowance,
  );
  const usual = Math.max(leastBurstBytes, (bytesPerSecond * burstMs) / 1000);
  // A bucket smaller than a packet would let none through.
  const asked = limit.burstBits === undefined ? usual : Math.max(limit.burstBits / 8, frameBytes);
  const burstBytes = Math.min(Math.round(asked), u32Max);
  const queue = Math.max(largestPacketBytes, burstBytes + (bytesPerSecond * queueMs) / 1000);
  return {
    ifIndex,
    bytesPerSecond,
    burstBytes,
    queueBytes: Math.min(Math.round(queue), u32Max),
  };
}

/** The limit that a token bucket of ours was made from: of those that come to the same bucket, the roundest. */
export function limitOf(found: Tbf, mtuBytes: number): RateLimit {
  const share = ((mtuBytes + ethernetBytes) / mtuBytes) * headerAllowance;
  const bits = (bytes: number): number => (bytes * 8) / share;
  const { bytesPerSecond, burstBytes } = found;
  const bitsPerSecond = roundest(bits(bytesPerSecond - 0.5), bits(bytesPerSecond + 0.5));
  const usual = tbfOf({ ifIndex: 0 as IfIndex, mtuBytes, limit: undefined }, { bitsPerSecond });
  if (isSameBurst(found, usual)) return { bitsPerSecond };
  const burstBits = roundest(burstBytes * 8 * 0.999, burstBytes * 8 * 1.001 + 8);
  return { bitsPerSecond, burstBits };
}

// The whole number from low to high that ends in the most zeros.
function roundest(low: number, high: number): number {
  for (let step = 10 ** Math.floor(Math.log10(high)); step >= 1; step /= 10) {
    const candidate = Math.ceil(low / step) * step;
    if (candidate <= high) return candidate;
  }
  return Math.round(high);
}

/** What came for a pod while its queue was full; undefined where what it receives is not limited. Throws KernelError. */
export function queueDrops(
  socket: NetlinkSocket,
  { hostIfIndex, bandwidth }: LocalEndpoint,
): number | undefined {
  if (bandwidth?.ingress === undefined) return undefined;
  return tbfAt(socket, hostIfIndex)?.droppedPackets;
}

/** CHECK: a sentence when the limit of this link is not in force; `name` as a person knows the link. */
export function shapingDifferences(
  socket: NetlinkSocket,
  link: ShapedLink & { readonly name: string },
): readonly string[] {
  if (link.limit === undefined) return [];
  const { name } = link;
  const wanted = tbfOf(link, link.limit);
  const found = tbfAt(socket, link.ifIndex);
  if (found === undefined) {
    return [`${name} has lost its limit of ${link.limit.bitsPerSecond} bit/s`];
  }
  if (
    found.bytesPerSecond === wanted.bytesPerSecond &&
    found.queueBytes === wanted.queueBytes &&
    (isSameBurst(found, wanted) || isBeyondReport(wanted))
  ) {
    return [];
  }
  return [`${name} has a limit of ${describe(found)} in place of ${describe(wanted)}`];
}

/**
 * CHECK: a sentence when somebody else limits what the pod receives, at an interface where heddle was asked for no limit. The
 * fast path passes that queue by, so the limit holds for a little of the traffic only.
 */
export function othersLimit(
  socket: NetlinkSocket,
  link: ShapedLink & { readonly name: string },
): readonly string[] {
  const found = link.limit === undefined ? tbfAt(socket, link.ifIndex) : undefined;
  if (found === undefined) return [];
  return [
    `${link.name} has a limit of ${found.bytesPerSecond} bytes/s that heddle did not set: what comes from other pods passes it by; give heddle the capability bandwidth`,
  ];
}

// The kernel rounds the bucket to its own unit of time.
function isSameBurst(
  found: Pick<Tbf, 'burstBytes'>,
  wanted: Pick<TbfOptions, 'burstBytes'>,
): boolean {
  return Math.abs(found.burstBytes - wanted.burstBytes) <= wanted.burstBytes / 100 + 64;
}

// The kernel tells the bucket as a time, in 32 bits.
function isBeyondReport({ burstBytes, bytesPerSecond }: TbfOptions): boolean {
  return (burstBytes / bytesPerSecond) * 1e9 > u32Max * 64;
}

function describe({ bytesPerSecond, burstBytes, queueBytes }: Omit<Tbf, 'droppedPackets'>): string {
  return `${bytesPerSecond} bytes/s, burst ${burstBytes}, queue ${queueBytes}`;
}
