// A BPF program as a filter of a shared block: it runs at every interface with the block, and its verdict decides about
// the packet (direct action).

import { Attributes } from './protocol/attribute.ts';
import { malformed, messageFlags } from './protocol/message.ts';
import type { Query, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';
import {
  blockIndex,
  trafficAttributes,
  trafficHeaderSize,
  trafficMessages,
  writeTrafficHeader,
} from './traffic-control.ts';

export interface BlockFilter {
  readonly block: number;
  /** 1-65535; smaller runs first. */
  readonly priority: number;
  /** Distinguishes filters of one priority. */
  readonly handle: number;
}

export interface FoundFilter extends BlockFilter {
  /** Absent if the filter is not a BPF program, or its verdict does not count. */
  readonly programId?: number;
}

/** TCA_BPF_*. */
export const filterAttributes = { fd: 6, name: 7, flags: 8, id: 11 } as const;
const directAction = 1;
// ETH_P_ALL, as the network writes it.
const allProtocols = 0x0300;

/**
 * Adds the filter, or atomically replaces its program so that no packet bypasses it.
 * Equivalent to: `tc filter replace block N prio P handle H bpf direct-action object-pinned PROGRAM`. Throws
 * KernelError (EINVAL: no interface has the block).
 */
export function replaceBlockFilter(
  requests: RequestSink,
  filter: BlockFilter,
  program: { readonly fd: number; readonly name: string },
): void {
  requests.submit({
    call: 'filter replace',
    subject: `block ${filter.block} ${program.name}`,
    type: trafficMessages.filterCreate,
    flags: messageFlags.create,
    write: (message) => {
      const { block, handle, priority } = filter;
      const info = ((priority << 16) | allProtocols) >>> 0;
      writeTrafficHeader(message, { ifIndex: blockIndex, parent: block, handle, info });
      message.textAttribute(trafficAttributes.kind, 'bpf');
      message.nest(trafficAttributes.options, () => {
        message.u32Attribute(filterAttributes.fd, program.fd);
        message.textAttribute(filterAttributes.name, program.name);
        message.u32Attribute(filterAttributes.flags, directAction);
      });
    },
  });
}

/** Empty if no interface has the block. Equivalent to: `tc filter show block N`. Throws KernelError. */
export function listBlockFilters(socket: NetlinkSocket, block: number): FoundFilter[] {
  const query: Query = {
    call: 'filter list',
    subject: `block ${block}`,
    type: trafficMessages.filterGet,
    write: (message) => writeTrafficHeader(message, { ifIndex: blockIndex, parent: block }),
  };
  return socket.dump(query, readBlockFilter);
}

/** Reads RTM_NEWTFILTER; undefined for a message that only announces a priority. Throws KernelError EBADMSG. */
export function readBlockFilter(payload: Buffer): FoundFilter | undefined {
  if (payload.length < trafficHeaderSize) throw malformed(`filter of ${payload.length} bytes`);
  const handle = payload.readUInt32LE(8);
  if (handle === 0) return undefined;
  const attributes = new Attributes(payload.subarray(trafficHeaderSize));
  const options = attributes.nested(trafficAttributes.options);
  const programId = options?.u32(filterAttributes.id);
  const counts = ((options?.u32(filterAttributes.flags) ?? 0) & directAction) !== 0;
  return {
    block: payload.readUInt32LE(12),
    priority: payload.readUInt32LE(16) >>> 16,
    handle,
    ...(programId !== undefined && counts ? { programId } : {}),
  };
}
