// The claims of one Node: ranges for its pods and its own addresses, each with flaws that are independent of other
// Nodes. Computed once per Node: parsing addresses costs more than all comparisons.

import { memoize } from '../../base/memoize.ts';
import type { Address } from '../../net/address.ts';
import { hostPrefix, type Prefix } from '../../net/prefix.ts';
import type { NetworkNode } from '../network-nodes.ts';
import { type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';
import { addressFlaw, isPublic, metadataFlaw, rangeFlaw } from './special-ranges.ts';

export interface RangeClaim {
  readonly prefix: Prefix;
  readonly ordered: OrderedPrefix;
  /** Follows the range: `overlaps 127.0.0.0/8 (loopback)`. */
  readonly flaw?: string | undefined;
  /** Like `flaw`, unless the configuration overrides it. */
  readonly metadataFlaw?: string | undefined;
  readonly isPublic: boolean;
}

export interface AddressClaim {
  readonly address: Address;
  readonly ordered: OrderedPrefix;
  readonly flaw?: string | undefined;
}

export interface NodeClaims {
  readonly node: NetworkNode;
  readonly ranges: readonly RangeClaim[];
  readonly addresses: readonly AddressClaim[];
  /** Number of claims beyond the examined ones. */
  readonly rangesMore: number;
  readonly addressesMore: number;
}

/** More than any Node has: Kubernetes supports two ranges, and one address per family and interface. */
export const claimsAtMost = 32;

export const nodeClaims: (node: NetworkNode) => NodeClaims = memoize((node) => ({
  node,
  ranges: node.podCidrs.slice(0, claimsAtMost).map(rangeClaim),
  addresses: node.addresses.slice(0, claimsAtMost).map(addressClaim),
  rangesMore: Math.max(0, node.podCidrs.length - claimsAtMost),
  addressesMore: Math.max(0, node.addresses.length - claimsAtMost),
}));

function rangeClaim(prefix: Prefix): RangeClaim {
  const ordered = orderedPrefix(prefix);
  return {
    prefix,
    ordered,
    flaw: rangeFlaw(ordered),
    metadataFlaw: metadataFlaw(ordered),
    isPublic: isPublic(ordered),
  };
}

function addressClaim(address: Address): AddressClaim {
  const ordered = orderedPrefix(hostPrefix(address));
  return { address, ordered, flaw: addressFlaw(ordered) };
}

/**
 * Negative if the left Node is older, whose claims win: by creation, then uid, then name, all of which the API server
 * assigns once. Nodes without the first two (manifests in a directory) come last, by name.
 */
export function compareAge(left: NetworkNode, right: NetworkNode): number {
  const { createdAt: leftAt = Number.POSITIVE_INFINITY, uid: leftUid = '\uffff' } = left;
  const { createdAt: rightAt = Number.POSITIVE_INFINITY, uid: rightUid = '\uffff' } = right;
  if (leftAt !== rightAt) return leftAt - rightAt;
  if (leftUid !== rightUid) return leftUid < rightUid ? -1 : 1;
  return left.name < right.name ? -1 : 1;
}
