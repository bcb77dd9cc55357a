// Common parts of qdisc.ts and block-filter.ts: struct tcmsg and its attributes (linux/rtnetlink.h, linux/pkt_sched.h).

import type { MessageWriter } from './protocol/message.ts';

export const trafficMessages = {
  qdiscCreate: 36,
  qdiscDelete: 37,
  qdiscGet: 38,
  filterCreate: 44,
  filterDelete: 45,
  filterGet: 46,
} as const;

export const trafficAttributes = {
  kind: 1,
  options: 2,
  ingressBlock: 13,
  egressBlock: 14,
} as const;

export const trafficHeaderSize = 20;

export interface TrafficHeader {
  /** Index of an interface, or `blockIndex` if `parent` is the number of a block. */
  readonly ifIndex: number;
  readonly handle?: number;
  readonly parent?: number;
  /** For filters: priority and protocol. */
  readonly info?: number;
}

/** TCM_IFINDEX_MAGIC_BLOCK: the subject is a block, not an interface. */
export const blockIndex = 0xffff_ffff;

export function writeTrafficHeader(message: MessageWriter, header: TrafficHeader): void {
  const { ifIndex, handle = 0, parent = 0, info = 0 } = header;
  message.u32(0).u32(ifIndex).u32(handle).u32(parent).u32(info);
}
