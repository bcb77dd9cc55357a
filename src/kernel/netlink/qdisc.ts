// The clsact qdisc: no queue, only a place for filters on received and sent packets of an interface. Here always with
// shared blocks (Linux 4.16): numbered lists of filters that any number of interfaces in a namespace can share, so that
// a filter set once runs at all of them. Unlike a tcx link, adding it does not wait for a grace period.

import type { IfIndex } from '../../net/if-index.ts';
import { isKernelError } from '../errno.ts';
import { Attributes } from './protocol/attribute.ts';
import { malformed, messageFlags } from './protocol/message.ts';
import type { Dumps, Query, RequestSink } from './protocol/request.ts';
import type { NetlinkSocket } from './socket.ts';
import {
  trafficAttributes,
  trafficHeaderSize,
  trafficMessages,
  writeTrafficHeader,
} from './traffic-control.ts';

/** Numbers of blocks in this namespace, from 1. A block exists while an interface has it. */
export interface Blocks {
  readonly ingress: number;
  readonly egress: number;
}

export interface Clsact {
  readonly ifIndex: IfIndex;
  /** Absent if the filters belong to the interface alone. */
  readonly ingress?: number;
  readonly egress?: number;
}

// TCA_STATS, TCA_XSTATS, TCA_STATS2.
const counters = [3, 4, 7];
const clsactHandle = 0xffff_0000;
const clsactParent = 0xffff_fff1;

/**
 * Equivalent to: `tc qdisc add dev X ingress_block I egress_block E clsact`. Throws KernelError (ENODEV; EEXIST: the
 * interface has a clsact or ingress qdisc).
 */
export function addClsact(requests: RequestSink, ifIndex: IfIndex, blocks: Blocks): void {
  requests.submit({
    call: 'qdisc add',
    subject: `clsact ingress_block ${blocks.ingress} egress_block ${blocks.egress} dev index ${ifIndex}`,
    type: trafficMessages.qdiscCreate,
    flags: messageFlags.create | messageFlags.exclusive,
    write: (message) => {
      writeTrafficHeader(message, { ifIndex, handle: clsactHandle, parent: clsactParent });
      message.textAttribute(trafficAttributes.kind, 'clsact');
      message.u32Attribute(trafficAttributes.ingressBlock, blocks.ingress);
      message.u32Attribute(trafficAttributes.egressBlock, blocks.egress);
    },
  });
}

/** Equivalent to: `tc qdisc delete dev X clsact`. Throws KernelError (ENODEV; ENOENT, EINVAL: there is none). */
export function delClsact(requests: RequestSink, ifIndex: IfIndex): void {
  requests.submit({
    call: 'qdisc delete',
    subject: `clsact dev index ${ifIndex}`,
    type: trafficMessages.qdiscDelete,
    flags: 0,
    write: (message) =>
      writeTrafficHeader(message, { ifIndex, handle: clsactHandle, parent: clsactParent }),
  });
}

/**
 * The clsact qdiscs of all interfaces of the namespace.
 * Equivalent to: `tc qdisc show | grep clsact`. Throws KernelError.
 */
export function listClsact(socket: Dumps): Clsact[] {
  const query: Query = {
    call: 'qdisc list',
    subject: '',
    type: trafficMessages.qdiscGet,
    volatile: { headerBytes: trafficHeaderSize, types: counters },
    write: (message) => writeTrafficHeader(message, { ifIndex: 0 }),
  };
  return socket.dump(query, readClsact);
}

/**
 * Equivalent to: `tc qdisc show dev X clsact`. Undefined if there is none, or no such interface. Throws KernelError.
 */
export function clsactOf(socket: NetlinkSocket, ifIndex: IfIndex): Clsact | undefined {
  const query: Query = {
    call: 'qdisc get',
    subject: `clsact dev index ${ifIndex}`,
    type: trafficMessages.qdiscGet,
    // The kernel answers this query with the message for listeners, and to the sender only if it requests an echo.
    flags: messageFlags.echo,
    write: (message) => writeTrafficHeader(message, { ifIndex, parent: clsactParent }),
  };
  try {
    return socket.get(query, readClsact);
  } catch (error) {
    if (isKernelError(error, 'ENODEV', 'ENOENT', 'ENODATA')) return undefined;
    throw error;
  }
}

/** Reads RTM_NEWQDISC; undefined for another kind. Throws KernelError EBADMSG. */
export function readClsact(payload: Buffer): Clsact | undefined {
  if (payload.length < trafficHeaderSize) throw malformed(`qdisc of ${payload.length} bytes`);
  // Every interface has a qdisc of another kind, which is not worth parsing.
  if (payload.readUInt32LE(12) !== clsactParent) return undefined;
  const attributes = new Attributes(payload.subarray(trafficHeaderSize));
  // The kernel shows a `noop` in place of a deleted qdisc.
  if (attributes.text(trafficAttributes.kind) !== 'clsact') return undefined;
  const ingress = attributes.u32(trafficAttributes.ingressBlock);
  const egress = attributes.u32(trafficAttributes.egressBlock);
  return {
    ifIndex: payload.readInt32LE(4) as IfIndex,
    ...(ingress === undefined ? {} : { ingress }),
    ...(egress === undefined ? {} : { egress }),
  };
}
