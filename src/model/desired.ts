// The desired state of this node's network in domain terms: the result of the model, which src/datapath converts into
// entries.

import type { Entries } from '../base/collections/collection.ts';
import type { Address, AddressFamily } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Prefix } from '../net/prefix.ts';
import type { CheckedNode } from './checked-node.ts';
import type { LocalEndpoint } from './endpoint.ts';
import type { HeldClaims } from './held-claims.ts';
import type { Uplink } from './host.ts';

export type RoutingMode = 'native' | 'vxlan';

/** The part of the agent's configuration that affects the network. */
export interface ModelConfig {
  readonly nodeName: string;
  readonly mode: RoutingMode;
  /** Overrides the computed MTU of pods; absent: uplink MTU minus the overhead of the mode. */
  readonly mtuBytes?: number | undefined;
  readonly masquerade: boolean;
  /** Destinations outside the cluster that are reached with the pod's own address. */
  readonly nonMasqueradeCidrs: readonly Prefix[];
  /** Ranges that must contain every Node's pod ranges; absent or empty: any range that passes the other checks. */
  readonly podCidrs?: readonly Prefix[] | undefined;
  readonly vxlan: { readonly port: number; readonly vni: number };
  /** The cgroup whose processes reach Services by their sockets; absent: none do. */
  readonly socketCgroup?: string | undefined;
  /** Where node ports of Services answer; `primary`: at the Node's first address of each family; absent: everywhere. */
  readonly nodePortAddresses?: 'primary' | readonly Prefix[] | undefined;
  /** False: the kernel has no `socket` expression in nftables. Absent: it has. */
  readonly matchesSockets?: boolean | undefined;
}

/** One of this node's pod ranges. */
export interface PodRange {
  readonly prefix: Prefix;
  /** First address after the network address: belongs to the node, never to a pod. */
  readonly router: Address;
}

/** How packets reach a remote node's pods. */
export type RemotePath =
  | {
      readonly kind: 'native';
      readonly nextHop: Address;
      readonly ifIndex: IfIndex;
      readonly ifName: string;
      /** Other uplinks on which its pods' packets may arrive; at most three. */
      readonly otherIfIndexes?: readonly IfIndex[];
      /**
       * Set if one of the uplinks has no Ethernet: the data path receives nothing there, so the stack forwards in both
       * directions.
       */
      readonly byStack?: true;
    }
  | { readonly kind: 'overlay'; readonly tunnelEndpoint: Address };

/** A pod range of another node and the path to it; one per prefix. The same reference while nothing in it changes. */
export interface RemoteRange {
  readonly node: string;
  readonly prefix: Prefix;
  readonly path: RemotePath;
}

/** An address of another node itself. The same reference while nothing in it changes. */
export interface RemoteNode {
  readonly node: string;
  readonly address: Address;
  /** Source of its tunnel packets; absent: none reach this node. */
  readonly tunnelEndpoint?: Address;
}

/** A neighbour that pods' packets off this node go through. The same reference while nothing in it changes. */
export interface NextHop {
  readonly address: Address;
  readonly ifIndex: IfIndex;
}

export interface OverlayDevice {
  readonly name: string;
  /** Known after the device has been created. */
  readonly ifIndex?: IfIndex | undefined;
  /** Set while another device has its port: it then carries no routes until it is up. */
  readonly isDown?: true | undefined;
  readonly port: number;
  readonly vni: number;
  readonly mtuBytes: number;
  readonly underlay: AddressFamily;
  /** The destination of other nodes' tunnels; absent: no Node object, or no address of this family in it. */
  readonly address?: Address | undefined;
  /** Where pods' packets leave without the device; absent: nowhere. */
  readonly exit?: OverlayExit | undefined;
}

/** The uplink with the IPv4 address by which other nodes know this one. */
export interface OverlayExit {
  readonly ifIndex: IfIndex;
  readonly address: Address;
}

export interface Masquerade {
  /** Sources whose packets get the node's address: this node's pod ranges. */
  readonly sources: readonly Prefix[];
  /** Destinations that see the pod's own address. */
  readonly exempt: readonly Prefix[];
  /** Source addresses by interface; packets by other interfaces get an address of that interface. */
  readonly nodeSources: readonly NodeSource[];
}

/** The address by which the cluster knows this node. */
export interface NodeSource {
  readonly address: Address;
  /** Names of the interfaces on which replies to it arrive, sorted. */
  readonly interfaces: readonly string[];
}

/** Allowed senders to the tunnel port: the addresses by which the cluster knows nodes. */
export interface TunnelEnds {
  readonly port: number;
  readonly own: readonly Address[];
  readonly peers: readonly Address[];
  /**
   * Additional addresses of other nodes, from which nothing is accepted and to which pods do not send. Absent: none.
   */
  readonly unverified?: readonly Address[];
  /** Names of this node's uplinks, sorted. */
  readonly uplinks: readonly string[];
}

/** What excludes a node or range from the network. The rest is applied anyway. */
export interface ModelProblem {
  /** `node-2`, `node-2 10.201.2.0/24`. */
  readonly object: string;
  readonly text: string;
  /**
   * The text without this object's details; absent: the text itself. Of many similar problems only the first are
   * listed.
   */
  readonly alike?: string;
}

/** A pod's interface by name and MAC that has no endpoint. */
export interface UnclaimedInterface {
  readonly name: string;
  readonly ifIndex: IfIndex;
}

export interface DesiredState {
  readonly nodeName: string;
  readonly mode: RoutingMode;
  readonly podRanges: readonly PodRange[];
  readonly uplinks: readonly Uplink[];
  /** See HostFacts. */
  readonly routerAdvertised?: readonly string[] | undefined;
  /** The node's own addresses, for which the data path uses the stack. */
  readonly hostAddresses: readonly Address[];
  /** Those at which node ports of Services answer; absent: all of them. */
  readonly nodePortAddresses?: readonly Address[] | undefined;
  /** Local addresses at which host ports are reachable; absent: all of them. */
  readonly hostPortAddresses?: readonly Prefix[] | undefined;
  readonly remoteRanges: readonly RemoteRange[];
  /** Only in mode `vxlan`; otherwise empty. */
  readonly remoteNodes: readonly RemoteNode[];
  readonly nextHops: readonly NextHop[];
  /** Only in mode `vxlan`. */
  readonly overlay?: OverlayDevice | undefined;
  /** Only in mode `vxlan`. */
  readonly tunnelEnds?: TunnelEnds | undefined;
  /** MTU of pod interfaces. */
  readonly podMtuBytes: number;
  /** Maximum packet length on the path to other nodes; the stack answers longer ones with an ICMP error. */
  readonly pathMtuBytes: number;
  readonly masquerade?: Masquerade | undefined;
  /** All nodes' pod ranges and `strayAddresses`, in as few prefixes as possible. */
  readonly podSources: readonly Prefix[];
  /** See ModelConfig. */
  readonly matchesSockets?: boolean | undefined;
  /** By the name of the interface on this node. */
  readonly endpoints: Entries<string, LocalEndpoint>;
  /** Their programs stay and drop their packets; absent: there are none. */
  readonly unclaimed?: readonly UnclaimedInterface[] | undefined;
  /** Ranges that the Node claims but cannot have because of something on this node. */
  readonly occupiedRanges?: readonly Prefix[] | undefined;
  /** Addresses of endpoints outside `podRanges`: see model/network/stray-pods.ts. */
  readonly strayAddresses: readonly Address[];
  /** Of those whose range will not come back. */
  readonly strayProblems: readonly ModelProblem[];
  /** The cluster's nodes with their accepted claims: see model/network/checked-nodes.ts. */
  readonly nodes: ReadonlyMap<string, CheckedNode>;
  /** For the next computation: holders of the claims. */
  readonly held: HeldClaims;
  /** From the configuration: ranges that contain all pod ranges. */
  readonly podCidrs?: readonly Prefix[] | undefined;
  /** As well. */
  readonly socketCgroup?: string | undefined;
  readonly problems: readonly ModelProblem[];
}
