// Checks the claims of Nodes before they are used: anyone who may write a Node could otherwise take over the API server's
// address, the metadata service or another node's pods. A refused claim has no effect on routes, tunnels, neighbours or
// masquerading, and is a problem of its Node, whose other claims stay.
//
//   Nodes, oldest first --> flaw of its own? --> conflict with this node? --> claimed by an older one? --> used
//
// Claims held at the last check take precedence over new ones, whoever makes them (model/held-claims.ts).
//
// A kubelet may change the addresses of its Node at any time, but ranges are written once. So an address takes no range
// from another Node, however old its own Node is, unless that Node needs it: the first of its family by which it is reached.

import { memoize } from '../../base/memoize.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import { type Prefix, prefixAddress, prefixContains, prefixLength } from '../../net/prefix.ts';
import { type CheckedNode, checkedNode } from '../checked-node.ts';
import type { ModelConfig, ModelProblem } from '../desired.ts';
import {
  contestOf,
  type HeldClaims,
  heldClaims,
  keptFlaw,
  nothingHeld,
  wasHeldBy,
  withGone,
} from '../held-claims.ts';
import type { HostFacts } from '../host.ts';
import type { NetworkNode, NetworkNodes } from '../network-nodes.ts';
import { type OrderedPrefix, orderedPrefix, overlap } from '../prefix-order.ts';
import { AddressTrust } from './address-trust.ts';
import { ClaimLedger } from './claim-ledger.ts';
import {
  type AddressClaim,
  claimsAtMost,
  compareAge,
  type NodeClaims,
  nodeClaims,
  type RangeClaim,
} from './node-claims.ts';
import { type Occupation, type OccupiedFlaw, ownAddresses } from './occupied.ts';
import type { RangeOwners } from './pod-ranges.ts';
import type { ServiceAddresses } from './service-addresses.ts';
import { isNarrow } from './special-ranges.ts';
import { connectedNetworks, edgesOf, ownUnderlay } from './underlay.ts';

export interface CheckInputs {
  readonly config: Pick<ModelConfig, 'nodeName' | 'mode' | 'podCidrs'>;
  readonly nodes: NetworkNodes;
  readonly host: HostFacts;
  readonly services: ServiceAddresses;
  /** Of the host. */
  readonly occupied: OccupiedFlaw;
  /** Result of the last check; absent: there was none. */
  readonly held?: HeldClaims | undefined;
}

export function checkNodes(inputs: CheckInputs): RangeOwners {
  const claims = [...inputs.nodes.values()].sort(compareAge).map(nodeClaims);
  const check = new Check(inputs);
  for (const claim of claims) check.takeHeld(claim);
  for (const claim of claims) check.takeNeeded(claim);
  for (const claim of claims) check.takeOthers(claim);
  const nodes = check.nodes(claims).sort((left, right) => (left.name < right.name ? -1 : 1));
  // Only the first of many similar problems are listed, and those that keep pods from starting here must be among them.
  const isOwn = ({ object }: ModelProblem): boolean => object === inputs.config.nodeName;
  const problems = [
    ...check.problems.filter(isOwn),
    ...check.problems.filter((problem) => !isOwn(problem)),
  ];
  const held = heldClaims(nodes, check.kept, check.contested);
  return { nodes, owners: check.owners, held, problems };
}

class Check {
  readonly problems: ModelProblem[] = [];
  readonly contested = new Set<string>();
  /** Held claims, including those withheld for Nodes that no longer exist. */
  readonly kept: HeldClaims;
  readonly #inputs: CheckInputs;
  readonly #held: HeldClaims;
  readonly #ledger = new ClaimLedger();
  /** Interface by address of this node. */
  readonly #hostAddresses: ReadonlyMap<Address, string>;
  readonly #networks: readonly OrderedPrefix[];
  readonly #noHosts: ReadonlySet<Address>;
  readonly #trust: AddressTrust;
  readonly #taken = new Set<AddressClaim | RangeClaim>();
  readonly #seen = new Set<AddressClaim | RangeClaim>();
  /** Refused ranges that contain something of this node. */
  readonly #occupied: Prefix[] = [];
  /** By family: the oldest Node whose pods have private addresses. */
  readonly #privateNodes = new Map<4 | 6, string>();

  // Native routing reaches only neighbours; a tunnel can have any remote end.
  readonly #needed = memoize(({ addresses }: NodeClaims): readonly AddressClaim[] => {
    const isReached = ({ flaw, ordered }: AddressClaim): boolean =>
      flaw === undefined &&
      (this.#inputs.config.mode === 'vxlan' ||
        this.#networks.some((network) => overlap(network, ordered)));
    return ([4, 6] as const).flatMap(
      (family) =>
        addresses.find((claim) => claim.ordered.family === family && isReached(claim)) ?? [],
    );
  });

  constructor(inputs: CheckInputs) {
    this.#inputs = inputs;
    this.#held = inputs.held ?? nothingHeld;
    this.kept = withGone(this.#held, inputs.nodes);
    const own = ownAddresses(inputs.host);
    this.#hostAddresses = new Map(own.map(({ address, ifName }) => [address, ifName]));
    const networks = connectedNetworks(inputs.host).map(({ prefix }) => prefix);
    this.#networks = networks.map(orderedPrefix);
    this.#noHosts = new Set(networks.flatMap(edgesOf));
    const { host, services, nodes, config } = inputs;
    const facts = { host, services, networks: this.#networks, own: nodes.get(config.nodeName) };
    this.#trust = new AddressTrust(facts);
  }

  get owners(): ReadonlyMap<Prefix, string> {
    return this.#ledger.owners;
  }

  /** Accepts the claims that the Node held at the last check. */
  takeHeld(claims: NodeClaims): void {
    const { node, addresses, ranges } = claims;
    for (const claim of addresses)
      if (wasHeldBy(this.#held, claim.address, node.name)) this.#takeAddress(claim, claims);
    for (const claim of ranges)
      if (wasHeldBy(this.#held, claim.prefix, node.name)) this.#takeRange(claim, node);
  }

  /** Accepts the addresses by which the Node is reached, then its ranges. */
  takeNeeded(claims: NodeClaims): void {
    const { node } = claims;
    for (const claim of this.#needed(claims)) this.#takeAddress(claim, claims);
    for (const claim of claims.ranges) this.#takeRange(claim, node);
    this.#tellMore(claims);
  }

  takeOthers(claims: NodeClaims): void {
    for (const claim of claims.addresses) this.#takeAddress(claim, claims);
  }

  /** Each Node with its accepted claims. */
  nodes(all: readonly NodeClaims[]): CheckedNode[] {
    const { config, host } = this.#inputs;
    const own = all.find(({ node }) => node.name === config.nodeName);
    const ownTaken = own?.addresses.filter((claim) => this.#taken.has(claim)) ?? [];
    const underlay = ownUnderlay(
      host,
      ownTaken.map(({ address }) => address),
    );
    return all.map((claims) => this.#node(claims, claims === own ? undefined : underlay));
  }

  // `underlay`: absent for this node itself.
  #node({ node, ...claims }: NodeClaims, underlay: AddressFamily | undefined): CheckedNode {
    const addresses = claims.addresses.filter((claim) => this.#taken.has(claim));
    const ranges = claims.ranges.filter((claim) => this.#taken.has(claim));
    return checkedNode(node, {
      addresses: addresses.map(({ address }) => address),
      podCidrs: ranges.map(({ prefix }) => prefix),
      occupied: node.podCidrs.filter((prefix) => this.#occupied.includes(prefix)),
      unverified: underlay === undefined ? [] : this.#trust.unverified(addresses, underlay),
    });
  }

  #takeAddress(claim: AddressClaim, claims: NodeClaims): void {
    if (this.#isSeen(claim)) return;
    const node = claims.node.name;
    const flaw =
      claim.flaw ??
      this.#hostFlaw(claim, node) ??
      this.#trustFlaw(claim, claims) ??
      this.#contest(claim.address, node, this.#ledger.addressFlaw(claim, node));
    if (flaw === undefined) {
      this.#ledger.addAddress(claim, node);
      this.#taken.add(claim);
      return;
    }
    this.problems.push({
      object: node,
      text: `status.addresses: InternalIP ${claim.address} ${flaw}: this address is not used`,
      alike: 'status.addresses: an InternalIP cannot be used',
    });
  }

  #trustFlaw(claim: AddressClaim, claims: NodeClaims): string | undefined {
    if (claims.node.name === this.#inputs.config.nodeName) return undefined;
    return this.#trust.flaw(claim, claims.node, this.#needed(claims).includes(claim));
  }

  // `flaw`: another Node's claim. Recorded in case that Node is deleted.
  #contest(claim: Address | Prefix, node: string, flaw: string | undefined): string | undefined {
    const found = flaw ?? keptFlaw(this.kept, claim, node);
    if (found !== undefined) this.contested.add(contestOf(claim, node));
    return found;
  }

  // A claim that is examined twice is reported once.
  #isSeen(claim: AddressClaim | RangeClaim): boolean {
    const isSeen = this.#seen.has(claim);
    this.#seen.add(claim);
    return isSeen;
  }

  #hostFlaw({ address }: AddressClaim, node: string): string | undefined {
    const { nodeName, podCidrs = [] } = this.#inputs.config;
    const forPods = podCidrs.find((range) => prefixContains(range, address));
    if (forPods !== undefined) return `lies in ${forPods} of podCidrs`;
    if (this.#noHosts.has(address))
      return 'is not a host address in a network that this node is connected to';
    const ifName = this.#hostAddresses.get(address);
    if (node === nodeName || ifName === undefined) return undefined;
    return `is an address of this node, ${nodeName} (${ifName})`;
  }

  #takeRange(claim: RangeClaim, node: NetworkNode): void {
    if (this.#isSeen(claim)) return;
    const occupied = claim.flaw === undefined ? this.#inputs.occupied(claim.ordered) : undefined;
    const flaw =
      claim.flaw ??
      occupied?.flaw ??
      this.#placeFlaw(claim) ??
      this.#contest(claim.prefix, node.name, this.#ledger.rangeFlaw(claim, node.name)) ??
      this.#serviceFlaw(claim, node);
    if (flaw === undefined) {
      this.#ledger.addRange(claim, node.name);
      const { family } = claim.ordered;
      if (!claim.isPublic && !this.#privateNodes.has(family))
        this.#privateNodes.set(family, node.name);
      this.#taken.add(claim);
      return;
    }
    if (occupied?.isOfNode) this.#occupied.push(claim.prefix);
    this.problems.push({
      object: node.name,
      text: `spec.podCIDRs: ${claim.prefix} ${flaw}: this range is not used${this.#cure(occupied, node)}`,
      alike: 'spec.podCIDRs: a range cannot be used',
    });
  }

  // If the Node is reached by that address, its range is wrong.
  #cure(occupied: Occupation | undefined, node: NetworkNode): string {
    const { address } = occupied ?? {};
    if (address?.ifName === undefined || node.name !== this.#inputs.config.nodeName) return '';
    if (node.addresses.some((own) => prefixContains(address.prefix, own))) return '';
    return ` until that address is removed from ${address.ifName} (ip address delete)`;
  }

  // Without podCidrs, the ranges of older Nodes show which addresses pods have. With podCidrs, a metadata service in
  // them belongs to another cloud, but no node needs a range that is little more than that.
  #placeFlaw({ prefix, ordered, isPublic, metadataFlaw }: RangeClaim): string | undefined {
    const { podCidrs = [] } = this.#inputs.config;
    if (podCidrs.length > 0) {
      const isInside = podCidrs.some((outer) => liesIn(prefix, outer));
      if (!isInside) return `is not in podCidrs (${podCidrs.join(', ')})`;
      return isNarrow(ordered) ? metadataFlaw : undefined;
    }
    if (metadataFlaw !== undefined) return metadataFlaw;
    const privateNode = this.#privateNodes.get(ordered.family);
    if (!isPublic || privateNode === undefined) return undefined;
    return `has public addresses, while pods of Node ${privateNode} have private ones (set podCidrs in the configuration to choose the right ranges)`;
  }

  // Any tenant can choose an external address, and a younger Service could choose its address: neither takes a range
  // from a Node.
  #serviceFlaw({ prefix, ordered }: RangeClaim, node: NetworkNode): string | undefined {
    const found = this.#inputs.services.firstIn(ordered);
    if (found === undefined) return undefined;
    const { address, service, isCluster, createdAt = Number.POSITIVE_INFINITY } = found;
    const what = `holds ${address}, an address of Service ${service}`;
    if (isCluster && createdAt <= (node.createdAt ?? Number.POSITIVE_INFINITY)) return what;
    this.problems.push({
      object: node.name,
      text: `spec.podCIDRs: ${prefix} ${what}: packets to that address may reach this Node's pods instead`,
      alike: 'spec.podCIDRs: a range holds an address of a Service',
    });
    return undefined;
  }

  #tellMore({ node, rangesMore, addressesMore }: NodeClaims): void {
    const more = [
      ['spec.podCIDRs', rangesMore],
      ['status.addresses', addressesMore],
    ] as const;
    for (const [field, count] of more) {
      if (count === 0) continue;
      const text = `${field}: ${count} beyond the first ${claimsAtMost} are not used`;
      this.problems.push({ object: node.name, text, alike: `${field}: too many` });
    }
  }
}

function liesIn(inner: Prefix, outer: Prefix): boolean {
  return prefixLength(outer) <= prefixLength(inner) && prefixContains(outer, prefixAddress(inner));
}
