// Decides which InternalIPs of other Nodes are accepted. A kubelet may write any address into its own Node's status, in
// any order: a Service's, a name server's, a public one. The Node is reached by the first one of the tunnels' family, so
// a false one harms only that Node. Every other address could let the Node impersonate its real owner:
//
//   a Service's --> refused   the API server's, a gateway's --> refused   on a network of this node --> verified   else --> unverified
//
// An unverified address stays the Node's, so that no pod gets it and no pod sends to the tunnel port there, but packets
// from it are not accepted through a tunnel, and flows are not attributed to the Node.

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
  /** Networks of the uplinks. */
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

  /** Why another Node's address is not accepted, as text that follows it. `isNeeded`: the Node is reached by it. */
  flaw(claim: AddressClaim, node: NetworkNode, isNeeded: boolean): string | undefined {
    return this.#serviceFlaw(claim, node, isNeeded) ?? this.#occupiedFlaw(claim, node, isNeeded);
  }

  /** Those of another Node's addresses, in order, that only the Node itself claims. */
  unverified(claims: readonly AddressClaim[], underlay: AddressFamily): readonly Address[] {
    const primary = claims.find(({ ordered }) => ordered.family === underlay) ?? claims[0];
    if (primary === undefined || claims.length === 1) return [];
    // A Node that is reached elsewhere could claim any address, and other claims would confirm it.
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

  // A younger Service does not cut off an older Node if Services and Nodes share a range.
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

  // Control plane nodes, routers and name servers may be Nodes as well: by their only address, or older than this one.
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
