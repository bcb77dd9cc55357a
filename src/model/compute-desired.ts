// The model: configuration, cluster state, local endpoints and host facts in; what this node's network should be out.
// Pure. All but the endpoints is memoised on (config, nodes, host): callers keep those references while nothing changes.

import { memoize } from '../base/memoize.ts';
import type { ClusterNode } from '../cluster/objects.ts';
import type { ClusterState } from '../cluster/state.ts';
import { type Address, compareAddresses } from '../net/address.ts';
import { addressAt, prefixFamily } from '../net/prefix.ts';
import type {
  DesiredState,
  ModelConfig,
  ModelProblem,
  OverlayDevice,
  PodRange,
  RemoteRange,
} from './desired.ts';
import type { LocalEndpoint } from './endpoint.ts';
import type { HostFacts } from './host.ts';
import { masqueradeOf } from './masquerade.ts';
import { type RangeOwners, rangeOwners } from './pod-ranges.ts';
import { type RoutingContext, remoteRanges } from './remote-ranges.ts';
import { connectedNetworks, isLinkLocal, podMtu, underlayFamily } from './underlay.ts';

export const overlayDeviceName = 'heddle_vxlan';

export interface ModelInputs {
  readonly config: ModelConfig;
  readonly cluster: ClusterState;
  readonly endpoints: readonly LocalEndpoint[];
  readonly host: HostFacts;
}

export function computeDesired({ config, cluster, endpoints, host }: ModelInputs): DesiredState {
  return { ...network(config)(cluster.nodes)(host), endpoints };
}

type Network = Omit<DesiredState, 'endpoints'>;

const network = memoize((config: ModelConfig) =>
  memoize((nodes: ReadonlyMap<string, ClusterNode>) =>
    memoize((host: HostFacts) => computeNetwork(config, nodes, host)),
  ),
);

function computeNetwork(
  config: ModelConfig,
  nodes: ReadonlyMap<string, ClusterNode>,
  host: HostFacts,
): Network {
  const ranges = rangeOwners(nodes);
  const own = ownNode(config.nodeName, ranges);
  const context = routingContext(config.mode)(host)(own.node ?? unknownNode);
  const remote = remoteNodes(config.nodeName, ranges, context);
  const hasIpv6Pods = own.podRanges.some(({ prefix }) => prefixFamily(prefix) === 6);
  const mtu = podMtu(config, host, { underlay: context.underlay, hasIpv6Pods });
  return {
    nodeName: config.nodeName,
    mode: config.mode,
    podRanges: own.podRanges,
    uplinks: host.uplinks,
    hostAddresses: hostAddresses(config, context, own.podRanges),
    remoteRanges: remote.ranges,
    overlay: overlayOf(config, host, { ...context, mtuBytes: mtu.podMtuBytes }),
    podMtuBytes: mtu.podMtuBytes,
    masquerade: masqueradeOf(config, {
      podRanges: own.podRanges,
      allRanges: ranges.owners.keys(),
      nodes: ranges.nodes,
      host,
    }),
    problems: [
      ...own.problems,
      ...uplinkProblems(host),
      ...mtu.problems,
      ...ranges.problems,
      ...remote.problems,
    ],
  };
}

/** Stands for this node until the cluster knows it. */
const unknownNode: ClusterNode = {
  name: '',
  labels: {},
  annotations: {},
  podCidrs: [],
  addresses: [],
};

interface OwnNode {
  readonly node?: ClusterNode | undefined;
  readonly podRanges: readonly PodRange[];
  readonly problems: readonly ModelProblem[];
}

function ownNode(name: string, { nodes, owners }: RangeOwners): OwnNode {
  const node = nodes.find((candidate) => candidate.name === name);
  const withProblem = (text: string): OwnNode => ({
    node,
    podRanges: [],
    problems: [{ object: name, text }],
  });
  if (node === undefined) return withProblem('no Node object has this name: no pod can start here');
  if (node.podCidrs.length === 0) {
    return withProblem('has no pod ranges (spec.podCIDRs): no pod can start here');
  }
  const podRanges = node.podCidrs.flatMap((prefix) => {
    const router = addressAt(prefix, 1n);
    const isOurs = owners.get(prefix) === name;
    return isOurs && router !== undefined ? [{ prefix, router }] : [];
  });
  return { node, podRanges, problems: [] };
}

// Memoised so that the ways to other nodes, which are memoised on it, survive their changes.
const routingContext = (mode: RoutingContext['mode']): typeof nativeContext =>
  mode === 'native' ? nativeContext : vxlanContext;

const nativeContext = memoize((host: HostFacts) =>
  memoize((own: ClusterNode) => computeContext('native', host, own)),
);

const vxlanContext = memoize((host: HostFacts) =>
  memoize((own: ClusterNode) => computeContext('vxlan', host, own)),
);

function computeContext(
  mode: RoutingContext['mode'],
  host: HostFacts,
  own: ClusterNode,
): RoutingContext {
  const onUplinks = host.uplinks
    .flatMap(({ addresses }) => addresses.map(({ address }) => address))
    .filter((address) => !isLinkLocal(address));
  const named = own.addresses.length > 0 ? own.addresses : onUplinks;
  return {
    mode,
    underlay: underlayFamily(named),
    networks: connectedNetworks(host),
    ownAddresses: [...new Set([...own.addresses, ...onUplinks])].sort(compareAddresses),
  };
}

interface RemoteNodes {
  readonly ranges: readonly RemoteRange[];
  readonly problems: readonly ModelProblem[];
}

function remoteNodes(
  ownName: string,
  { nodes, owners }: RangeOwners,
  context: RoutingContext,
): RemoteNodes {
  const all = nodes.filter(({ name }) => name !== ownName).map(remoteRanges(context));
  return {
    ranges: all.flatMap(({ ranges }) =>
      ranges.filter(({ node, prefix }) => owners.get(prefix) === node),
    ),
    problems: all.flatMap(({ problems }) => problems),
  };
}

// Router addresses exist as the node's own in overlay mode only (sources of what the host sends through tunnels).
function hostAddresses(
  config: ModelConfig,
  context: RoutingContext,
  podRanges: readonly PodRange[],
): readonly Address[] {
  const routers = config.mode === 'vxlan' ? podRanges.map(({ router }) => router) : [];
  return [...new Set([...context.ownAddresses, ...routers])].sort(compareAddresses);
}

function overlayOf(
  config: ModelConfig,
  host: HostFacts,
  facts: Pick<OverlayDevice, 'underlay' | 'mtuBytes'>,
): OverlayDevice | undefined {
  if (config.mode !== 'vxlan') return undefined;
  return {
    name: overlayDeviceName,
    ifIndex: host.vxlan?.ifIndex,
    port: config.vxlan.port,
    vni: config.vxlan.vni,
    mtuBytes: facts.mtuBytes,
    underlay: facts.underlay,
  };
}

function uplinkProblems(host: HostFacts): readonly ModelProblem[] {
  if (host.uplinks.length > 0) return [];
  return [{ object: 'uplinks', text: 'none found: pods reach only this node' }];
}
