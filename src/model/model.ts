// The model: computes the desired state of this node's network from configuration, cluster state, local endpoints and
// facts about the host. The result depends on these alone. `Model` follows its inputs: a result that a change does not
// concern is not computed again and keeps its references.

import type { Entries } from '../base/collections/collection.ts';
import { Mirror } from '../base/collections/mirror.ts';
import { memoizeLast } from '../base/memoize.ts';
import type { ClusterNode } from '../cluster/objects.ts';
import type { ClusterState } from '../cluster/state.ts';
import { type Address, compareAddresses } from '../net/address.ts';
import { prefixFamily } from '../net/prefix.ts';
import { boundedProblems } from './bounded-problems.ts';
import type { CheckedNode } from './checked-node.ts';
import type {
  DesiredState,
  ModelConfig,
  ModelProblem,
  OverlayDevice,
  PodRange,
  RemoteRange,
  UnclaimedInterface,
} from './desired.ts';
import type { LocalEndpoint } from './endpoint.ts';
import { type HeldClaims, nothingHeld } from './held-claims.ts';
import type { HostAddress, HostFacts } from './host.ts';
import { overlayDeviceName } from './ids.ts';
import { type CheckInputs, checkNodes } from './network/checked-nodes.ts';
import { hostPortAddresses } from './network/host-port-addresses.ts';
import { masqueradeOf } from './network/masquerade.ts';
import { nextHops } from './network/next-hops.ts';
import { OccupiedRanges } from './network/occupied.ts';
import { overlayExit } from './network/overlay-exit.ts';
import { ownNode } from './network/own-node.ts';
import { peerConflicts } from './network/peer-facts.ts';
import type { RangeOwners } from './network/pod-ranges.ts';
import { podSources, podSourcesWith } from './network/pod-sources.ts';
import { remoteNodes, tunnelEndOf } from './network/remote-nodes.ts';
import { remoteRanges } from './network/remote-ranges.ts';
import { type RoutingContext, routingContext } from './network/routing-context.ts';
import { FollowedServices, type ServiceAddresses } from './network/service-addresses.ts';
import { namingPods, serviceHostPortProblems } from './network/service-host-ports.ts';
import { masqueradeWith, type StrayPod, strayPods, strayProblems } from './network/stray-pods.ts';
import { tunnelEnds } from './network/tunnel-ends.ts';
import { podMtu } from './network/underlay.ts';
import { FollowedNodes, type NetworkNodes } from './network-nodes.ts';
import { nodePortAddresses, nodePortProblems } from './services/node-port-addresses.ts';
import { unenforcedPolicies } from './unenforced.ts';

export interface ModelInputs {
  readonly cluster: ClusterState;
  /** By the name of the interface on this node. It stays as it is until the result has been applied. */
  readonly endpoints: Entries<string, LocalEndpoint>;
  readonly host: HostFacts;
  readonly unclaimed?: readonly UnclaimedInterface[] | undefined;
  /** From the previous desired state. */
  readonly held?: HeldClaims | undefined;
}

export class Model {
  readonly #config: ModelConfig;
  readonly #nodes = new Mirror<ClusterNode>();
  readonly #networkNodes = new FollowedNodes();
  readonly #services = new FollowedServices();
  readonly #occupied = new OccupiedRanges();
  readonly #conflicts: Entries<string, ModelProblem>;
  readonly #strays = memoizeLast(strayPods);
  readonly #ofStrays = memoizeLast(ofStrays);
  readonly #namingPods = memoizeLast(namingPods);
  readonly #hostPortProblems = memoizeLast(serviceHostPortProblems);
  readonly #seen = memoizeLast(
    (nodes: NetworkNodes, services: ServiceAddresses, host: HostFacts): SeenNetwork => {
      return { nodes, services, host, occupied: this.#occupied.flawOf(host) };
    },
  );
  readonly #network = memoizeLast(computeNetwork);
  // The same array while nothing in it changes.
  readonly #joined = memoizeLast(
    (...all: readonly (readonly ModelProblem[])[]): readonly ModelProblem[] =>
      boundedProblems(all.flat()),
  );

  constructor(config: ModelConfig) {
    this.#config = config;
    this.#conflicts = peerConflicts(config, this.#nodes.entries);
  }

  compute(inputs: ModelInputs): DesiredState {
    const { cluster, endpoints, host, unclaimed, held = nothingHeld } = inputs;
    this.#nodes.follow(cluster.nodes);
    const nodes = this.#networkNodes.follow(cluster.nodes);
    const services = this.#services.follow(cluster.services, nodes, host.addresses);
    const seen = this.#seen(nodes, services, host);
    const base = this.#network(this.#config, seen, held);
    const strays = this.#strays(endpoints, base.podRanges).values();
    const { addresses, masquerade, podSources, problems } = this.#ofStrays(base, strays);
    const naming = this.#namingPods(endpoints).values();
    return {
      ...base,
      strayAddresses: addresses,
      strayProblems: problems,
      masquerade,
      podSources,
      matchesSockets: this.#config.matchesSockets,
      problems: this.#joined(
        base.problems,
        this.#services.problems(),
        this.#conflicts.values(),
        unenforcedPolicies(cluster.networkPolicies),
        problems,
        this.#hostPortProblems(naming, base.hostPortAddresses, host.addresses ?? noAddresses),
      ),
      endpoints,
      unclaimed,
      socketCgroup: this.#config.socketCgroup,
    };
  }
}

const noAddresses: readonly HostAddress[] = [];

type Network = Omit<
  DesiredState,
  'endpoints' | 'strayAddresses' | 'strayProblems' | 'matchesSockets'
>;

function ofStrays(base: Network, strays: readonly StrayPod[]) {
  const addresses = strays.flatMap(({ outside }) => outside);
  return {
    addresses,
    masquerade: masqueradeWith(base.masquerade, addresses),
    podSources: podSourcesWith(base.podSources, addresses),
    problems: strayProblems(strays, base),
  };
}

/** What the network is computed from, but for the configuration and what was held. */
type SeenNetwork = Omit<CheckInputs, 'config' | 'held'>;

function computeNetwork(config: ModelConfig, seen: SeenNetwork, held: HeldClaims): Network {
  const { host, services } = seen;
  const ranges = checkNodes({ ...seen, config, held });
  const own = ownNode(config.nodeName, ranges);
  const context = routingContext(config.mode, host, own.node);
  const remote = rangesOfOthers(config.nodeName, ranges, context);
  const hasIpv6Pods = own.podRanges.some(({ prefix }) => prefixFamily(prefix) === 6);
  const routers = routersOf(config, own.podRanges);
  const addresses = hostAddresses(context, routers);
  const nodePorts = nodePortAddresses(config, {
    hostAddresses: addresses,
    ofNode: own.node?.addresses ?? [],
  });
  const mtu = podMtu(config, host, { underlay: context.underlay, hasIpv6Pods });
  return {
    nodeName: config.nodeName,
    mode: config.mode,
    podRanges: own.podRanges,
    occupiedRanges: own.node?.occupiedRanges,
    uplinks: host.uplinks,
    routerAdvertised: host.routerAdvertised,
    hostAddresses: addresses,
    nodePortAddresses: nodePorts,
    hostPortAddresses: hostPortAddresses(host, services, routers),
    remoteRanges: remote.ranges,
    remoteNodes: remoteNodes(config, ranges, context),
    nextHops: nextHops(config.nodeName, ranges, { host, context }),
    overlay: overlayOf(config, host, {
      underlay: context.underlay,
      mtuBytes: mtu.pathMtuBytes,
      address: own.node && tunnelEndOf(own.node, context.underlay),
      exit: overlayExit(host, own.node),
    }),
    podMtuBytes: mtu.podMtuBytes,
    pathMtuBytes: mtu.pathMtuBytes,
    masquerade: masqueradeOf(config, {
      ...{ podRanges: own.podRanges, ranges, host },
      own: own.node,
    }),
    podSources: podSources(ranges),
    tunnelEnds: tunnelEnds(config, ranges, host),
    nodes: checkedByName(ranges),
    held: ranges.held,
    podCidrs: config.podCidrs,
    problems: [
      ...own.problems,
      ...uplinkProblems(host),
      ...socketProblems(config, hasIpv6Pods),
      ...nodePortProblems(config, nodePorts),
      ...mtu.problems,
      ...ranges.problems,
      ...remote.problems,
    ],
  };
}

function checkedByName({ nodes }: RangeOwners): ReadonlyMap<string, CheckedNode> {
  return new Map(nodes.map((node) => [node.name, node]));
}

interface RangesOfOthers {
  readonly ranges: readonly RemoteRange[];
  readonly problems: readonly ModelProblem[];
}

function rangesOfOthers(
  ownName: string,
  { nodes }: RangeOwners,
  context: RoutingContext,
): RangesOfOthers {
  const all = nodes.filter(({ name }) => name !== ownName).map(remoteRanges(context));
  return {
    ranges: all.flatMap(({ ranges }) => ranges),
    problems: all.flatMap(({ problems }) => problems),
  };
}

// In mode vxlan these are the node's own addresses (sources of host packets through tunnels).
function routersOf({ mode }: ModelConfig, podRanges: readonly PodRange[]): readonly Address[] {
  return mode === 'vxlan' ? podRanges.map(({ router }) => router) : [];
}

function hostAddresses(context: RoutingContext, routers: readonly Address[]): readonly Address[] {
  return [...new Set([...context.ownAddresses, ...routers])].sort(compareAddresses);
}

function overlayOf(
  config: ModelConfig,
  host: HostFacts,
  facts: Pick<OverlayDevice, 'underlay' | 'mtuBytes' | 'address' | 'exit'>,
): OverlayDevice | undefined {
  if (config.mode !== 'vxlan') return undefined;
  return {
    name: overlayDeviceName,
    ...host.vxlan,
    port: config.vxlan.port,
    vni: config.vxlan.vni,
    mtuBytes: facts.mtuBytes,
    underlay: facts.underlay,
    address: facts.address,
    exit: facts.exit,
  };
}

function socketProblems(config: ModelConfig, hasIpv6Pods: boolean): readonly ModelProblem[] {
  if (config.matchesSockets !== false) return [];
  const effects = [
    ...(hasIpv6Pods ? ['processes of this node can send IPv6 with the addresses of pods'] : []),
    'late TCP segments reset connections that this node translates',
  ];
  const cause = 'the kernel cannot match sockets in nftables (CONFIG_NFT_SOCKET)';
  return [{ object: 'nftables', text: `${cause}, so ${effects.join(', and ')}` }];
}

function uplinkProblems(host: HostFacts): readonly ModelProblem[] {
  if (host.uplinks.length > 0) return [];
  return [{ object: 'uplinks', text: 'none found: pods reach only this node' }];
}
