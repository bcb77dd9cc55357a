// Kubernetes objects in the form that the rest of Heddle uses: parsed, validated, and reduced to the fields that are
// read. Every source (directory, API server) provides these. An unchanged object is the same reference in later
// snapshots.

import type { Address } from '../net/address.ts';
import type { Port } from '../net/port.ts';
import type { Prefix } from '../net/prefix.ts';

export type Labels = Readonly<Record<string, string>>;

/** Fields of every object. `uid` is absent if the source assigns none (manifests in a directory). */
export interface ObjectMeta {
  readonly name: string;
  readonly uid?: string | undefined;
  /** `metadata.creationTimestamp` in milliseconds; absent if the source assigns none (manifests in a directory). */
  readonly createdAt?: number | undefined;
  /** Set if the object is being deleted (`metadata.deletionTimestamp`). */
  readonly isDeleting?: true;
  readonly labels: Labels;
  readonly annotations: Labels;
}

export interface NamespacedMeta extends ObjectMeta {
  readonly namespace: string;
}

export interface ClusterNode extends ObjectMeta {
  /** `spec.podCIDRs` (or `spec.podCIDR`), in the given order; empty until an allocator has assigned some. */
  readonly podCidrs: readonly Prefix[];
  /** `status.addresses` of type InternalIP, in the given order. */
  readonly addresses: readonly Address[];
  /** Absent if there are none. */
  readonly taints?: readonly NodeTaint[] | undefined;
  /** The label `topology.kubernetes.io/zone`. */
  readonly zone?: string | undefined;
}

export interface NodeTaint {
  readonly key: string;
  readonly effect: string;
}

export interface ClusterNamespace extends ObjectMeta {}

export type TransportProtocol = 'TCP' | 'UDP' | 'SCTP';

export interface ContainerPort {
  readonly name?: string | undefined;
  readonly port: Port;
  readonly protocol: TransportProtocol;
}

export interface ClusterContainer {
  readonly name: string;
  readonly image?: string | undefined;
  /** Empty: the image's default. */
  readonly command: readonly string[];
  readonly args: readonly string[];
  readonly ports: readonly ContainerPort[];
}

export type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed' | 'Unknown';

export interface ClusterPod extends NamespacedMeta {
  /** `spec.nodeName`; absent until scheduled. */
  readonly node?: string | undefined;
  /** `status.podIPs`, in the given order. */
  readonly addresses: readonly Address[];
  /** Such a pod is never an endpoint, because its addresses belong to the node. */
  readonly hostNetwork: boolean;
  /** `Pending` if no status has been reported. */
  readonly phase: PodPhase;
  readonly containers: readonly ClusterContainer[];
}

/** A number, or the name of a container port, whose number may differ between pods. */
export type PortReference = Port | string;

export interface ServicePort {
  readonly name?: string | undefined;
  readonly protocol: TransportProtocol;
  readonly port: Port;
  readonly targetPort: PortReference;
  readonly nodePort?: Port | undefined;
}

/** `Local`: only endpoints on the node that translates. */
export type TrafficPolicy = 'Cluster' | 'Local';

export interface LoadBalancerAddress {
  readonly address: Address;
  /** Set for `ipMode: Proxy`: packets must go through the load balancer, so nodes do not translate the address. */
  readonly isProxied?: true;
}

/** A field that has its default is absent, because there are tens of thousands of Services. */
export interface ClusterService extends NamespacedMeta {
  readonly type: 'ClusterIP' | 'NodePort' | 'LoadBalancer' | 'ExternalName';
  /** Empty for a headless service. */
  readonly clusterAddresses: readonly Address[];
  /** `spec.externalIPs` */
  readonly externalAddresses: readonly Address[];
  /** `status.loadBalancer.ingress` */
  readonly loadBalancerAddresses?: readonly LoadBalancerAddress[] | undefined;
  /** Sources that may use the load balancer's addresses; absent: all. */
  readonly sourceRanges?: readonly Prefix[] | undefined;
  readonly ports: readonly ServicePort[];
  /** Absent: the service's endpoint slices are written by another controller. */
  readonly selector?: Labels | undefined;
  /** `sessionAffinity: ClientIP` with its timeout; absent: no affinity. */
  readonly affinitySeconds?: number | undefined;
  /** Annotation `service.heddle.dev/selection: maglev`; absent: by chance. */
  readonly selection?: 'maglev' | undefined;
  /** For the cluster addresses; absent: Cluster. */
  readonly internalPolicy?: TrafficPolicy | undefined;
  /** For all other addresses and node ports; absent: Cluster. */
  readonly externalPolicy?: TrafficPolicy | undefined;
  readonly healthCheckPort?: Port | undefined;
  /** The controller that writes the slices reports every endpoint as ready. */
  readonly publishesNotReady?: true;
  /** A label says that Kubernetes' own proxies must not serve it: see `isUnproxied` in parse-service.ts. */
  readonly isUnproxied?: true;
}

/** Absent conditions have been replaced by the API's defaults. */
export interface SliceEndpoint {
  /** All reach the same endpoint. */
  readonly addresses: readonly Address[];
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
  readonly node?: string | undefined;
  readonly zone?: string | undefined;
  /** Hints: zones and nodes whose clients should use it; absent: none. */
  readonly forZones?: readonly string[] | undefined;
  readonly forNodes?: readonly string[] | undefined;
}

export interface SlicePort {
  readonly name?: string | undefined;
  readonly protocol: TransportProtocol;
  /** Absent: every port. */
  readonly port?: Port | undefined;
}

export interface ClusterEndpointSlice extends NamespacedMeta {
  /** Name of the service in the same namespace, from the label `kubernetes.io/service-name`. */
  readonly service?: string | undefined;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly SliceEndpoint[];
  readonly ports: readonly SlicePort[];
  /** When the change began that led to this version, in ms since 1970; absent: unknown. */
  readonly changedAt?: number | undefined;
  /** See `ClusterService.isUnproxied`. */
  readonly isUnproxied?: true;
}

export interface LabelRequirement {
  readonly key: string;
  readonly operator: 'In' | 'NotIn' | 'Exists' | 'DoesNotExist';
  readonly values: readonly string[];
}

/** Both parts must match. An empty selector selects everything. */
export interface LabelSelector {
  readonly matchLabels: Labels;
  readonly matchExpressions: readonly LabelRequirement[];
}

export type PolicyPeer =
  | { readonly kind: 'block'; readonly cidr: Prefix; readonly except: readonly Prefix[] }
  | {
      readonly kind: 'selector';
      /** Absent: every pod of the selected namespaces. */
      readonly pods?: LabelSelector | undefined;
      /** Absent: the policy's own namespace. */
      readonly namespaces?: LabelSelector | undefined;
    };

export interface PolicyPort {
  readonly protocol: TransportProtocol;
  /** Absent: every port of the protocol. */
  readonly port?: PortReference | undefined;
  /** Last port of a numeric range that starts at `port`. */
  readonly endPort?: Port | undefined;
}

/** `peers` and `ports` must both match; an empty list matches everything. */
export interface PolicyRule {
  readonly peers: readonly PolicyPeer[];
  readonly ports: readonly PolicyPort[];
}

export interface ClusterNetworkPolicy extends NamespacedMeta {
  readonly podSelector: LabelSelector;
  /** Absent direction: the policy does not isolate it. An empty list isolates and allows nothing. */
  readonly ingress?: readonly PolicyRule[] | undefined;
  readonly egress?: readonly PolicyRule[] | undefined;
}
