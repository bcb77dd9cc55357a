// Addresses that no Service may have, because they belong to something else: a tenant could otherwise get the traffic
// of a node's kubelet, of a pod, of the API server or of a cloud's metadata service.

import type { Address } from '../../net/address.ts';
import { hostPrefix, parsePrefix } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { OccupiedRange } from '../host.ts';
import { metadataFlaw } from '../network/special-ranges.ts';
import { PrefixIndex } from '../prefix-index.ts';
import { type OrderedPrefix, orderedPrefix } from '../prefix-order.ts';
import type { FrontendKind } from './frontend.ts';

/** Why a Service cannot have the address, as text that follows it; undefined if there is no reason. */
export type TakenAddress = (address: Address, kind: FrontendKind) => string | undefined;

export interface Takers {
  /** With their accepted addresses and pod ranges. */
  readonly nodes: ReadonlyMap<string, CheckedNode>;
  /** The API server, gateways and name servers of this node. */
  readonly occupied?: readonly OccupiedRange[] | undefined;
  /** This node's own, also those that its Node does not have. */
  readonly own?: readonly Address[] | undefined;
}

interface Range {
  readonly ordered: OrderedPrefix;
  readonly what: string;
}

// The API server's validation refuses the first three kinds. Every other range may be a cluster's Service range: some
// clouds use 240.0.0.0/4.
const unusable = new PrefixIndex<Range>([
  range('0.0.0.0/8', 'this network'),
  range('127.0.0.0/8', 'loopback'),
  range('169.254.0.0/16', 'link-local'),
  range('224.0.0.0/4', 'multicast'),
  range('255.255.255.255/32', 'broadcast'),
  range('::/128', 'the unspecified address'),
  range('::1/128', 'loopback'),
  range('fe80::/10', 'link-local'),
  range('ff00::/8', 'multicast'),
]);

/** Why nothing can have the address; undefined if there is no reason. */
export function unusableAddress(address: Address): string | undefined {
  return unusableFlaw(address, orderedPrefix(hostPrefix(address)));
}

function unusableFlaw(address: Address, ordered: OrderedPrefix): string | undefined {
  if (address.startsWith('::ffff:')) return 'is an IPv4 address written as IPv6';
  const found = unusable.around(ordered);
  return found && `is unusable: ${found.what}`;
}

/**
 * Cluster addresses are compared with nodes and pods only: a node may know the API server and the name server by their
 * cluster addresses.
 */
export function takenAddresses({ nodes, occupied = [], own = [] }: Takers): TakenAddress {
  const ownAddresses = new Set(own);
  const owners = new Map<Address, string>();
  const ranges: Range[] = [];
  for (const { name, addresses, podCidrs } of nodes.values()) {
    for (const address of addresses) owners.set(address, name);
    for (const prefix of podCidrs)
      ranges.push({ ordered: orderedPrefix(prefix), what: `in ${prefix}, the pods of ${name}` });
  }
  const pods = new PrefixIndex(ranges);
  const others = new PrefixIndex(
    occupied.map(({ kind, prefix }) => ({ ordered: orderedPrefix(prefix), what: whatOf(kind) })),
  );
  return (address, kind) => {
    const ordered = orderedPrefix(hostPrefix(address));
    const flaw = unusableFlaw(address, ordered);
    if (flaw !== undefined) return flaw;
    const node = owners.get(address);
    if (node !== undefined) return `is an address of ${node}`;
    const pod = pods.around(ordered);
    if (pod !== undefined) return `is ${pod.what}`;
    if (kind === 'cluster') return undefined;
    // A controller may have put a load balancer's address there; a tenant chooses an external one.
    if (kind === 'external' && ownAddresses.has(address)) return 'is an address of this node';
    const other = others.around(ordered);
    return other === undefined ? metadataFlaw(ordered) : `is ${other.what}`;
  };
}

function whatOf(kind: OccupiedRange['kind']): string {
  return kind === 'gateway'
    ? 'a gateway of this node'
    : 'an address of the API server, the proxy to it or a name server';
}

function range(text: string, what: string): Range {
  return { ordered: orderedPrefix(parsePrefix(text)), what };
}
