// Services, as Kubernetes' rules want them on this node.

/** Who translates Services on this node (`services.mode`). */
export type ServiceTranslator = 'heddle' | 'another program';

export type ServiceProtocol = 'TCP' | 'UDP' | 'SCTP';

/** GET /v1/services: ServiceSummary[], ordered by name; only Services that have frontends. */
export interface ServiceSummary {
  readonly translatedBy: ServiceTranslator;
  /** `shop/web` */
  readonly name: string;
  readonly type: string;
  readonly clusterAddresses: readonly string[];
  /** Addresses of load balancers that nodes translate, and external addresses. */
  readonly otherAddresses: readonly string[];
  readonly ports: readonly ServicePortView[];
  readonly backends: BackendCounts;
  /** Absent: none. */
  readonly problems?: readonly string[];
}

export interface ServicePortView {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  readonly nodePort?: number | undefined;
}

/** Each backend counts once for each of the Service's ports that it has. */
export interface BackendCounts {
  readonly all: number;
  readonly ready: number;
  /** Shutting down, but still serving. */
  readonly serving: number;
  /** Ready ones on this node. */
  readonly local: number;
}

/** GET /v1/services?name=shop/web (or `web`, in any namespace): ServiceView[]. */
export interface ServiceView {
  readonly translatedBy: ServiceTranslator;
  readonly name: string;
  readonly type: string;
  readonly internalPolicy: TrafficPolicyName;
  readonly externalPolicy: TrafficPolicyName;
  readonly affinitySeconds?: number | undefined;
  /** Absent: backends are chosen by chance. */
  readonly selection?: 'maglev' | undefined;
  /** Sources that may use the addresses of load balancers. Absent: all. */
  readonly sourceRanges?: readonly string[] | undefined;
  readonly healthCheck?: { readonly port: number; readonly localEndpoints: number } | undefined;
  readonly publishesNotReady?: true;
  readonly frontends: readonly FrontendView[];
  readonly ports: readonly ServicePortBackends[];
  readonly problems?: readonly string[];
}

export type TrafficPolicyName = 'Cluster' | 'Local';

export interface FrontendView {
  readonly kind: 'cluster' | 'node-port' | 'load-balancer' | 'external';
  /** Absent for a node port. */
  readonly address?: string | undefined;
  readonly family: 4 | 6;
  readonly port: number;
  readonly protocol: ServiceProtocol;
  /** Why the Service does not get it. */
  readonly problem?: string | undefined;
}

export interface ServicePortBackends extends ServicePortView {
  readonly family: 4 | 6;
  /** Outcome for traffic policy Cluster; traffic policy Local of either kind has its own. */
  readonly outcome: string;
  readonly localOutcome?: string | undefined;
  readonly backends: readonly BackendView[];
}

export interface BackendView {
  readonly address: string;
  readonly port: number;
  readonly node?: string | undefined;
  readonly zone?: string | undefined;
  readonly isLocal: boolean;
  readonly state: 'ready' | 'serving' | 'not ready';
  /** Why it is not used. Absent: it is. */
  readonly unused?: string | undefined;
}

/** GET /v1/services/explain?from=shop/web-1&to=10.96.0.10:80/udp */
export interface ServiceExplanation {
  readonly translatedBy: ServiceTranslator;
  readonly from: { readonly kind: 'pod' | 'node' | 'outside'; readonly address: string };
  readonly to: {
    readonly address: string;
    readonly port: number;
    readonly protocol: ServiceProtocol;
  };
  readonly outcome: 'backends' | 'refused' | 'dropped' | 'no service';
  /** Why, as sentences. */
  readonly reasons: readonly string[];
  readonly service?: string | undefined;
  readonly frontend?: FrontendView | undefined;
  /** Of the Service's port in that family. */
  readonly backends: readonly BackendView[];
}
