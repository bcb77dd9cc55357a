// Which InternalIPs of other Nodes are believed to be theirs. A kubelet may write any address into its own Node's status, in
// any order: a Service's, a name server's, one of the Internet. By the first one of the tunnels' family the Node is reached,
// so that a false one harms that Node alone. Every other one could let the Node speak for whose address it is:
//
//   a Service's --> refused   the API server's, a gateway's --> refused   on a network of this node --> verified   else --> unverified
//
// An unverified address stays the Node's, so that no pod gets it and no pod sends to the tunnel's port there, but nothing
// comes from it through a tunnel, and no flow is named after the Node.

import type { Address, AddressFamily } from '../../net/address.ts';
import { prefixAddress } from '../../net/prefix.ts';
import type { HostFacts, OccupiedRange } from '../host.ts';
import type { NetworkNode } from '../network-nodes.ts';
import { contains, type OrderedPrefix } from '../prefix-order.ts';
import { type AddressClaim, compareAge } from './node-claims.ts';
import type { ServiceAddresses } from './service-addresses.ts';

export interface TrustFacts {
  readonly host: HostFacts;
  readonly services: ServiceAddresses;
  /** Of the uplinks. */
  readonly networks: readonly OrderedPrefix[];
  /** Absent until the cluster has a Node object for this node. */
  readonly own: NetworkNode | undefined;
}

export class AddressTrust {
  readonly #facts: TrustFacts;
  readonly #occupied: ReadonlyMap<Address, OccupiedRange>;

  constructor(facts: TrustFacts) {
    this.#facts = facts;
    const { occupied = [] } = facts.host;
    this.#occupied = new Map(occupied.map((each) => [prefixAddress(each.prefix), each]));
  }

  /** Why another Node's address is not believed, in words that follow it. `isNeeded`: by it that Node is reached. */
  flaw(claim: AddressClaim, node: NetworkNode, isNeeded: boolean): string | undefined {
    return this.#serviceFlaw(claim, node, isNeeded) ?? this.#occupiedFlaw(claim, node, isNeeded);
  }

  /** Of another Node's addresses, in their order, those that only the Node itself speaks for. */
  unverified(claims: readonly AddressClaim[], underlay: AddressFamily): readonly Address[] {
    const primary = claims.find(({ ordered }) => ordered.family === underlay) ?? claims[0];
    if (primary === undefined || claims.length === 1) return [];
    // One that is reached elsewhere could stand for anybody, and the others would speak for it.
    const isNear = this.#isNeighbour(primary);
    return claims
      .filter((claim) => claim !== primary && !(isNear && this.#isNeighbour(claim)))
      .map(({ address }) => address);
  }

  #isNeighbour({ address, ordered }: AddressClaim): boolean {
    return (
      !this.#occupied.has(address) &&
      this.#facts.networks.some((network) => contains(network, ordered))
    );
  }

  // A younger Service does not cut an older Node off, where Services and Nodes share a range.
  #serviceFlaw(
    { ordered }: AddressClaim,
    { createdAt = Number.POSITIVE_INFINITY }: NetworkNode,
    isNeeded: boolean,
  ): string | undefined {
    const found = this.#facts.services.firstIn(ordered);
    if (found === undefined || !found.isCluster) return undefined;
    const isOlder = (found.createdAt ?? Number.POSITIVE_INFINITY) <= createdAt;
    return isOlder || !isNeeded ? `is an address of Service ${found.service}` : undefined;
  }

  // Nodes of the control plane, routers and name servers may be Nodes as well: by their only address, or before this one.
  #occupiedFlaw(
    { address }: AddressClaim,
    node: NetworkNode,
    isNeeded: boolean,
  ): string | undefined {
    const found = this.#occupied.get(address);
    const { own } = this.#facts;
    if (found === undefined || isNeeded) return undefined;
    if (own !== undefined && compareAge(node, own) <= 0) return undefined;
    if (found.kind === 'gateway') {
      const where = found.ifName === undefined ? '' : ` (${found.ifName})`;
      return `is a gateway of this node${where}`;
    }
    return 'is an address of the API server, the proxy to it or a name server';
  }
}
