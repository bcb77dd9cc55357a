// A limit as a token bucket: by how much the kernel's rate exceeds the limit, and how long the queue is
// (docs/decisions/bandwidth-by-queues.md).

import type { Tbf } from '../../kernel/netlink/tbf.ts';
import type { RateLimit } from '../../net/bandwidth.ts';

export type Bucket = Omit<Tbf, 'droppedPackets'>;

const ethernetBytes = 14;
const headerAllowance = 1.02;
// Size of the default bucket: a timer that fires a few milliseconds late does not reduce the rate. At low rates it is
// less than a GSO packet, which the kernel then splits into its segments.
const burstMs = 10;
const leastBurstBytes = 16 * 1024;
// Maximum wait of a packet in a full queue; long enough for the bursts of a starting connection.
const queueMs = 50;
// A GSO packet of 64 kB with the headers of all its segments must fit.
const largestPacketBytes = 72 * 1024;
const u32Max = 0xffff_ffff;

/**
 * The kernel counts frames, a limit counts IP packets: the rate is raised by the Ethernet header's share of a
 * full-sized packet and a little more, so that the payload of TCP over IPv6, too (95.2 % of its packets), is within 5 %
 * of the requested rate.
 */
export function bucketOf(limit: RateLimit, mtuBytes: number): Bucket {
  const frameBytes = mtuBytes + ethernetBytes;
  const bytesPerSecond = Math.round(
    (limit.bitsPerSecond / 8) * (frameBytes / mtuBytes) * headerAllowance,
  );
  const usual = Math.max(leastBurstBytes, (bytesPerSecond * burstMs) / 1000);
  // A bucket smaller than a packet would pass none.
  const asked = limit.burstBits === undefined ? usual : Math.max(limit.burstBits / 8, frameBytes);
  const burstBytes = Math.min(Math.round(asked), u32Max);
  const queue = Math.max(largestPacketBytes, burstBytes + (bytesPerSecond * queueMs) / 1000);
  return {
    bytesPerSecond,
    burstBytes,
    queueBytes: Math.min(Math.round(queue), u32Max),
  };
}

/**
 * The limit of the kernel's bucket: the requested one if the bucket belongs to it, otherwise its own rate and burst.
 */
export function limitInForce(
  found: Bucket,
  { asked, mtuBytes }: { readonly asked: RateLimit | undefined; readonly mtuBytes: number },
): RateLimit {
  if (asked !== undefined && isSameBucket(found, bucketOf(asked, mtuBytes))) return asked;
  const share = ((mtuBytes + ethernetBytes) / mtuBytes) * headerAllowance;
  return {
    bitsPerSecond: Math.round((found.bytesPerSecond * 8) / share),
    burstBits: found.burstBytes * 8,
  };
}

/**
 * Whether the kernel's bucket equals it; the kernel rounds the burst to its own unit of time and reports 32 bits of it.
 */
export function isSameBucket(left: Bucket, right: Bucket): boolean {
  return (
    left.bytesPerSecond === right.bytesPerSecond &&
    left.queueBytes === right.queueBytes &&
    (isSameBurst(left, right) || isBeyondReport(left) || isBeyondReport(right))
  );
}

function isSameBurst(left: Bucket, right: Bucket): boolean {
  const larger = Math.max(left.burstBytes, right.burstBytes);
  return Math.abs(left.burstBytes - right.burstBytes) <= larger / 100 + 64;
}

function isBeyondReport({ burstBytes, bytesPerSecond }: Bucket): boolean {
  return (burstBytes / bytesPerSecond) * 1e9 > u32Max * 64;
}
