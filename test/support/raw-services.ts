// Objects as the API server sends them, as far as the rules of Services depend on them.

export interface RawMeta {
  readonly name: string;
  readonly namespace?: string | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly creationTimestamp?: string | undefined;
}

export interface RawService {
  readonly metadata: RawMeta;
  readonly spec: {
    readonly type?: string | undefined;
    readonly clusterIPs?: readonly string[] | undefined;
    readonly externalIPs?: readonly string[] | undefined;
    readonly ports?: readonly RawServicePort[] | undefined;
    readonly internalTrafficPolicy?: string | undefined;
    readonly externalTrafficPolicy?: string | undefined;
    readonly loadBalancerSourceRanges?: readonly string[] | undefined;
    readonly healthCheckNodePort?: number | undefined;
    readonly sessionAffinity?: string | undefined;
    readonly publishNotReadyAddresses?: boolean | undefined;
  };
  readonly status?: {
    readonly loadBalancer?: {
      readonly ingress?: readonly { ip?: string | undefined; ipMode?: string | undefined }[];
    };
  };
}

export interface RawServicePort {
  readonly name?: string | undefined;
  readonly port: number;
  readonly protocol?: string | undefined;
  readonly nodePort?: number | undefined;
}

export interface RawEndpoint {
  readonly addresses: readonly string[];
  readonly conditions?: RawConditions | undefined;
  readonly nodeName?: string | undefined;
  readonly hints?:
    | {
        readonly forZones?: readonly { name: string }[] | undefined;
        readonly forNodes?: readonly { name: string }[] | undefined;
      }
    | undefined;
}

export interface RawConditions {
  readonly ready?: boolean | undefined;
  readonly serving?: boolean | undefined;
  readonly terminating?: boolean | undefined;
}

export interface RawSlice {
  readonly metadata: RawMeta;
  readonly addressType: 'IPv4' | 'IPv6' | 'FQDN';
  readonly endpoints: readonly RawEndpoint[];
  readonly ports: readonly {
    name?: string | undefined;
    protocol?: string | undefined;
    port?: number | undefined;
  }[];
}

export interface RawNode {
  readonly metadata: RawMeta;
  readonly spec: { readonly podCIDRs: readonly string[] };
  readonly status: { readonly addresses: readonly { type: string; address: string }[] };
}
