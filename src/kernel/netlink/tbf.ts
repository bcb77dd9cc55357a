// The token bucket (TBF): the queueing discipline that limits a link's sending rate and queues excess packets
// (linux/pkt_sched.h: TCA_TBF_*, man tc-tbf).

import type { IfIndex } from '../../net/if-index.ts';
import { isKernelError } from '../errno.ts';
import { Attributes } from './protocol/attribute.ts';
import { malformed, messageFlags } from './protocol/message.ts';
import type { Query, Request, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';
import {
  trafficAttributes,
  trafficHeaderSize,
  trafficMessages,
  writeTrafficHeader,
} from './traffic-control.ts';

/**
 * A token bucket at the root of a link. It counts frames: including the Ethernet header, and each segment of a GSO
 * packet with its headers.
 */
export interface TbfOptions {
  readonly ifIndex: IfIndex;
  readonly bytesPerSecond: number;
  /**
   * Bucket size: bytes that may pass without delay after a pause. A longer GSO packet is split into its segments; a
   * longer single packet is dropped. Below 2^32.
   */
  readonly burstBytes: number;
  /** Queue size: packets that arrive while it is full are dropped. Below 2^32. */
  readonly queueBytes: number;
}

export interface Tbf {
  readonly bytesPerSecond: number;
  /** The kernel stores it as a time in units of 64 ns: up to 0.1 % off. */
  readonly burstBytes: number;
  readonly queueBytes: number;
  /** Since it was created. */
  readonly droppedPackets: number;
}

const tbfTypes = { parameters: 1, rate64: 4, burst: 6 } as const;
// TCA_STATS2, and in it TCA_STATS_QUEUE.
const statisticsAttribute = 7;
const queueStatistics = 3;
const rootParent = 0xffff_ffff;
// struct tc_tbf_qopt: two struct tc_ratespec (12 bytes each; the rate is the last member), limit, buffer, mtu.
const offsets = { rate: 8, queue: 24, buffer: 28, size: 36 } as const;
const u32Max = 0xffff_ffff;
// TC_LINKLAYER_ETHERNET: the kernel computes rates itself and needs no table of them.
const ethernet = 1;
const bufferUnitNs = 64;

/**
 * Equivalent to: `tc qdisc add dev X root tbf rate R burst B limit Q`. Throws KernelError (EEXIST, ENODEV; EINVAL: no burst).
 * @library
 */
export function addTbf(requests: RequestSink, options: TbfOptions): void {
  const flags = messageFlags.create | messageFlags.exclusive;
  requests.submit(tbfRequest('qdisc add', flags, options));
}

/** Equivalent to: `tc qdisc replace dev X root tbf rate R burst B limit Q`. Throws KernelError (ENODEV; EINVAL: no burst). */
export function replaceTbf(requests: RequestSink, options: TbfOptions): void {
  const flags = messageFlags.create | messageFlags.replace;
  requests.submit(tbfRequest('qdisc replace', flags, options));
}

/**
 * Restores the link's default discipline.
 * Equivalent to: `tc qdisc delete dev X root`. Throws KernelError (ENOENT, ENODEV).
 * @library
 */
export function delTbf(requests: RequestSink, ifIndex: IfIndex): void {
  requests.submit({
    call: 'qdisc delete',
    subject: `dev index ${ifIndex} root`,
    type: trafficMessages.qdiscDelete,
    flags: 0,
    write: (message) => writeTrafficHeader(message, { ifIndex, parent: rootParent }),
  });
}

/**
 * Equivalent to: `tc -s qdisc show dev X root`. Undefined if there is another discipline or no such link. Throws
 * KernelError.
 */
export function tbfAt(socket: NetlinkSocket, ifIndex: IfIndex): Tbf | undefined {
  const query: Query = {
    call: 'qdisc get',
    subject: `dev index ${ifIndex} root`,
    type: trafficMessages.qdiscGet,
    // The kernel answers this query with the message for listeners, and to the sender only if it requests an echo.
    flags: messageFlags.echo,
    write: (message) => writeTrafficHeader(message, { ifIndex, parent: rootParent }),
  };
  try {
    return socket.get(query, readTbf);
  } catch (error) {
    // EINVAL: the default of most virtual links, which the kernel does not show.
    if (isKernelError(error, 'ENODEV', 'ENOENT', 'ENODATA', 'EINVAL')) return undefined;
    throw error;
  }
}

/** Reads RTM_NEWQDISC; undefined for another kind. Throws KernelError EBADMSG. */
export function readTbf(payload: Buffer): Tbf | undefined {
  if (payload.length < trafficHeaderSize) throw malformed(`qdisc of ${payload.length} bytes`);
  const attributes = new Attributes(payload.subarray(trafficHeaderSize));
  if (attributes.text(trafficAttributes.kind) !== 'tbf') return undefined;
  const options = attributes.nested(trafficAttributes.options);
  const parameters = options?.view(tbfTypes.parameters);
  if (parameters === undefined || parameters.length < offsets.size) {
    throw malformed('token bucket without its parameters');
  }
  const rate64 = options?.view(tbfTypes.rate64);
  const bytesPerSecond =
    rate64?.length === 8 ? Number(rate64.readBigUInt64LE()) : parameters.readUInt32LE(offsets.rate);
  const bufferNs = parameters.readUInt32LE(offsets.buffer) * bufferUnitNs;
  const queue = attributes.nested(statisticsAttribute)?.view(queueStatistics);
  return {
    bytesPerSecond,
    burstBytes: Math.round((bufferNs * bytesPerSecond) / 1e9),
    queueBytes: parameters.readUInt32LE(offsets.queue),
    // struct gnet_stats_queue: qlen, backlog, drops, ...
    droppedPackets: queue !== undefined && queue.length >= 12 ? queue.readUInt32LE(8) : 0,
  };
}

function tbfRequest(call: string, flags: number, options: TbfOptions): Request {
  const { ifIndex, bytesPerSecond, burstBytes, queueBytes } = options;
  return {
    call,
    subject: `dev index ${ifIndex} root tbf rate ${bytesPerSecond}bps burst ${burstBytes} limit ${queueBytes}`,
    type: trafficMessages.qdiscCreate,
    flags,
    write: (message) => {
      writeTrafficHeader(message, { ifIndex, parent: rootParent });
      message.textAttribute(trafficAttributes.kind, 'tbf');
      message.nest(trafficAttributes.options, () => {
        message.attribute(tbfTypes.parameters, parametersOf(options));
        message.u32Attribute(tbfTypes.burst, burstBytes);
        if (bytesPerSecond > u32Max) message.attribute(tbfTypes.rate64, rate64Of(bytesPerSecond));
      });
    },
  };
}

function parametersOf({ bytesPerSecond, queueBytes }: TbfOptions): Buffer {
  const parameters = Buffer.alloc(offsets.size);
  parameters.writeUInt8(ethernet, 1);
  parameters.writeUInt32LE(Math.min(bytesPerSecond, u32Max), offsets.rate);
  parameters.writeUInt32LE(queueBytes, offsets.queue);
  return parameters;
}

function rate64Of(bytesPerSecond: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(BigInt(bytesPerSecond));
  return bytes;
}
