// What this node's network should be, in domain words: the model's result, which src/datapath turns into entries.

import type { Address, AddressFamily } from '../net/address.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { Prefix } from '../net/prefix.ts';
import type { CheckedNode } from './checked-node.ts';
import type { LocalEndpoint } from './endpoint.ts';
import type { HeldClaims } from './held-claims.ts';
import type { Uplink } from './host.ts';

export type RoutingMode = 'native' | 'vxlan';

/** The part of the agent's configuration that decides what the network looks like. */
export interface ModelConfig {
  readonly nodeName: string;
  readonly mode: RoutingMode;
  /** Overrides the MTU computed for pods; absent: uplink MTU minus what the mode costs. */
  readonly mtuBytes?: number | undefined;
  readonly masquerade: boolean;
  /** Destinations reached with the pod's own address although they are outside the cluster. */
  readonly nonMasqueradeCidrs: readonly Prefix[];
  /** Where every Node's pod ranges must lie; absent or empty: wherever nothing speaks against them. */
  readonly podCidrs?: readonly Prefix[] | undefined;
  readonly vxlan: { readonly port: number; readonly vni: number };
}

/** One of this node's pod ranges. */
export interface PodRange {
  readonly prefix: Prefix;
  /** First address after the network address: the node's own in that range, never a pod's. */
  readonly router: Address;
}

/** How packets reach a remote node's pods. */
export type RemotePath =
  | {
      readonly kind: 'native';
      readonly nextHop: Address;
      readonly ifIndex: IfIndex;
      readonly ifName: string;
      /** Further uplinks, which its pods' packets may come in by; three at most. */
      readonly otherIfIndexes?: readonly IfIndex[];
      /** One of the uplinks has no Ethernet: the data path receives nothing there, so the stack forwards, both ways. */
      readonly byStack?: true;
    }
  | { readonly kind: 'overlay'; readonly tunnelEndpoint: Address };

/** A pod range of another node and the way there; one a prefix. The same reference while nothing about it changes. */
export interface RemoteRange {
  readonly node: string;
  readonly prefix: Prefix;
  readonly path: RemotePath;
}

/** An address of another node itself. The same reference while nothing about it changes. */
export interface RemoteNode {
  readonly node: string;
  readonly address: Address;
  /** What its tunnel packets come from; absent: none reach this node. */
  readonly tunnelEndpoint?: Address;
}

/** A neighbour that the way of pods' packets off this node leads by. The same reference while nothing about it changes. */
export interface NextHop {
  readonly address: Address;
  readonly ifIndex: IfIndex;
}

export interface OverlayDevice {
  readonly name: string;
  /** Known once the device exists. */
  readonly ifIndex?: IfIndex | undefined;
  /** It carries no routes until it is up, as long as another has its port. */
  readonly isDown?: true | undefined;
  readonly port: number;
  readonly vni: number;
  readonly mtuBytes: number;
  readonly underlay: AddressFamily;
  /** What other nodes send to; absent: no Node object, or none of this family in it. */
  readonly address?: Address | undefined;
  /** Where pods' packets leave without it; absent: nowhere. */
  readonly exit?: OverlayExit | undefined;
}

/** The uplink with the address that other nodes know this one by, of IPv4. */
export interface OverlayExit {
  readonly ifIndex: IfIndex;
  readonly address: Address;
}

export interface Masquerade {
  /** Whose packets get the node's address: this node's pod ranges. */
  readonly sources: readonly Prefix[];
  /** Destinations that see the pod's own address. */
  readonly exempt: readonly Prefix[];
  /** What packets leave with, by interface; by any other interface with an address of that interface. */
  readonly nodeSources: readonly NodeSource[];
}

/** The address that the cluster knows this node by. */
export interface NodeSource {
  readonly address: Address;
  /** Names of the interfaces by which answers to it come back, sorted. */
  readonly interfaces: readonly string[];
}

/** Who may send to the tunnel's port: what the cluster knows nodes by. */
export interface TunnelEnds {
  readonly port: number;
  readonly own: readonly Address[];
  readonly peers: readonly Address[];
  /** Further addresses of other nodes, from which nothing is taken, and which pods do not send to. Absent: none. */
  readonly unverified?: readonly Address[];
  /** Names of this node's uplinks, sorted. */
  readonly uplinks: readonly string[];
}

/** What keeps a node or range out of the network, in words; the rest is applied all the same. */
export interface ModelProblem {
  /** `node-2`, `node-2 10.201.2.0/24`. */
  readonly object: string;
  readonly text: string;
  /** The text without what is this object's own; absent: the text. Of many alike only the first are told. */
  readonly alike?: string;
}

/** A pod's interface by its name and MAC, of which no endpoint knows. */
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
  /** The node's own addresses, known to the data path as going up the stack. */
  readonly hostAddresses: readonly Address[];
  /** Local addresses at which host ports answer; absent: all of them. */
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
  /** The longest packet the way to other nodes carries; the stack answers longer ones with an ICMP error. */
  readonly pathMtuBytes: number;
  readonly masquerade?: Masquerade | undefined;
  readonly endpoints: readonly LocalEndpoint[];
  /** Their programs stay, and drop what they send; absent: there are none. */
  readonly unclaimed?: readonly UnclaimedInterface[] | undefined;
  /** Ranges that the Node claims and cannot have while something on this node is in them. */
  readonly occupiedRanges?: readonly Prefix[] | undefined;
  /** Of endpoints, outside `podRanges`: see model/network/stray-pods.ts. */
  readonly strayAddresses: readonly Address[];
  /** The cluster's nodes with those of their claims that are believed: see model/network/checked-nodes.ts. */
  readonly nodes: ReadonlyMap<string, CheckedNode>;
  /** For the next time: what of it is whose. */
  readonly held: HeldClaims;
  /** Of the configuration: ranges that pods' ranges are known to lie in. */
  readonly podCidrs?: readonly Prefix[] | undefined;
  readonly problems: readonly ModelProblem[];
}
