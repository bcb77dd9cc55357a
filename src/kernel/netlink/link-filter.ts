// Filters at an interface's own clsact or ingress qdisc, or in a shared block: programs and rules set by `tc` or
// another program.

import type { IfIndex } from '../../net/if-index.ts';
import { filterAttributes } from './block-filter.ts';
import { Attributes } from './protocol/attribute.ts';
import { malformed } from './protocol/message.ts';
import type { Dumps, Query } from './protocol/request.ts';
import {
  blockIndex,
  trafficAttributes,
  trafficHeaderSize,
  trafficMessages,
  writeTrafficHeader,
} from './traffic-control.ts';

export interface TcFilter {
  /** Name of the classifier: `bpf`, `flower`, `u32`. */
  readonly kind: string;
  /** Absent if it is not an eBPF program. */
  readonly programId?: number;
}

// TC_H_MIN_INGRESS and TC_H_MIN_EGRESS of TC_H_CLSACT.
const parents = { ingress: 0xffff_fff2, egress: 0xffff_fff3 } as const;

/**
 * Empty if the interface has no such qdisc or does not exist.
 * Equivalent to: `tc filter show dev X ingress`. Throws KernelError.
 */
export function listLinkFilters(
  socket: Dumps,
  ifIndex: IfIndex,
  direction: keyof typeof parents,
): TcFilter[] {
  const parent = parents[direction];
  const query: Query = {
    call: 'filter list',
    subject: `${direction} of dev index ${ifIndex}`,
    type: trafficMessages.filterGet,
    write: (message) => writeTrafficHeader(message, { ifIndex, parent }),
  };
  return socket.dump(query, (payload) => readLinkFilter(payload, parent));
}

/**
 * In the order in which they see a packet; empty if no interface has the block.
 * Equivalent to: `tc filter show block N`. Throws KernelError.
 */
export function listSharedFilters(socket: Dumps, block: number): TcFilter[] {
  const query: Query = {
    call: 'filter list',
    subject: `block ${block}`,
    type: trafficMessages.filterGet,
    write: (message) => writeTrafficHeader(message, { ifIndex: blockIndex, parent: block }),
  };
  return socket.dump(query, (payload) => readLinkFilter(payload, block));
}

// An `ingress` qdisc also answers for egress, with its own filters, as their parent shows.
function readLinkFilter(payload: Buffer, parent: number): TcFilter | undefined {
  if (payload.length < trafficHeaderSize) throw malformed(`filter of ${payload.length} bytes`);
  const isShared = payload.readUInt32LE(4) === blockIndex;
  if (!isShared && payload.readUInt32LE(12) !== parent) return undefined;
  // Only announces that a priority is in use.
  if (payload.readUInt32LE(8) === 0) return undefined;
  const attributes = new Attributes(payload.subarray(trafficHeaderSize));
  const kind = attributes.text(trafficAttributes.kind) ?? '';
  const options = kind === 'bpf' ? attributes.nested(trafficAttributes.options) : undefined;
  const programId = options?.u32(filterAttributes.id);
  return { kind, ...(programId === undefined ? {} : { programId }) };
}
