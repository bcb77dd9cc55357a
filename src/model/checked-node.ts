// A Node reduced to its accepted claims; the Node itself if all are.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { NetworkNode } from './network-nodes.ts';

/** A Node with its accepted claims. */
export interface CheckedNode extends NetworkNode {
  /** Set if it claims ranges and none is accepted. */
  readonly lostRanges?: true;
  /** Set if it has InternalIPs and none is accepted. */
  readonly lostAddresses?: true;
  /** Those of `addresses` that only the Node itself claims: model/network/address-trust.ts. Absent: none. */
  readonly unverified?: readonly Address[];
  /** Claimed ranges that are refused because of something on the checking node. */
  readonly occupiedRanges?: readonly Prefix[];
}

/** Addresses by which the Node may be known and may send through tunnels. */
export function verifiedAddresses({ addresses, unverified }: CheckedNode): readonly Address[] {
  return unverified === undefined
    ? addresses
    : addresses.filter((address) => !unverified.includes(address));
}

interface Kept extends Pick<CheckedNode, 'addresses' | 'podCidrs'> {
  readonly occupied: readonly Prefix[];
  readonly unverified: readonly Address[];
}

const lastChecked = new WeakMap<NetworkNode, CheckedNode>();

/** Returns the same object for the same result, because paths are memoized by it. */
export function checkedNode(node: NetworkNode, kept: Kept): CheckedNode {
  const { addresses, podCidrs, occupied, unverified } = kept;
  const isWhole =
    addresses.length === node.addresses.length && podCidrs.length === node.podCidrs.length;
  if (isWhole && unverified.length === 0) return node;
  const last = lastChecked.get(node);
  const isSame =
    last?.addresses.join() === addresses.join() &&
    last.podCidrs.join() === podCidrs.join() &&
    (last.occupiedRanges ?? []).join() === occupied.join() &&
    (last.unverified ?? []).join() === unverified.join();
  if (last !== undefined && isSame) return last;
  const { name, createdAt, uid } = node;
  const checked: CheckedNode = {
    ...{ name, createdAt, uid, addresses, podCidrs },
    ...(podCidrs.length === 0 && node.podCidrs.length > 0 && { lostRanges: true }),
    ...(addresses.length === 0 && node.addresses.length > 0 && { lostAddresses: true }),
    ...(occupied.length > 0 && { occupiedRanges: occupied }),
    ...(unverified.length > 0 && { unverified }),
  };
  lastChecked.set(node, checked);
  return checked;
}
