// Frontends: the addresses and ports at which clients reach a Service.

import type { ClusterService, TransportProtocol } from '../../cluster/objects.ts';
import { type Address, type AddressFamily, addressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';

/** `cluster` follows the internal traffic policy, every other kind the external one. */
export type FrontendKind = 'cluster' | 'node-port' | 'load-balancer' | 'external';

export interface Frontend {
  readonly kind: FrontendKind;
  readonly family: AddressFamily;
  /** Absent for a node port, which answers at addresses of the node. */
  readonly address?: Address | undefined;
  readonly port: Port;
  readonly protocol: TransportProtocol;
  /** Index in the Service's `ports`. */
  readonly portIndex: number;
}

/** Where a packet is sent. */
export interface Destination {
  readonly address: Address;
  readonly port: Port;
  readonly protocol: TransportProtocol;
}

/**
 * Whether Kubernetes' rules give the Service any frontend. A Service without a cluster address (headless, or not
 * assigned yet) has none, and an ExternalName is a matter of name resolution.
 */
export function isProxied(service: ClusterService): boolean {
  const { type, isUnproxied, clusterAddresses } = service;
  return type !== 'ExternalName' && isUnproxied !== true && clusterAddresses.length > 0;
}

/** The families in which the Service is reached: those of its cluster addresses. */
export function familiesOf(service: ClusterService): readonly AddressFamily[] {
  return [...new Set(service.clusterAddresses.map(addressFamily))];
}

/**
 * The Service's frontends, the stronger first: of two with the same address and port, the first is the one that counts.
 * A load balancer's address is stronger than the same address in `externalIPs`, because its source ranges must hold.
 */
export function frontendsOf(service: ClusterService): readonly Frontend[] {
  if (!isProxied(service)) return [];
  const families = familiesOf(service);
  const hasNodePorts = service.type === 'NodePort' || service.type === 'LoadBalancer';
  const addresses = addressesOf(service).filter(({ family }) => families.includes(family));
  return service.ports.flatMap(({ port, protocol, nodePort }, portIndex): readonly Frontend[] => {
    const atNodes = hasNodePorts && nodePort !== undefined ? nodePort : undefined;
    return [
      ...addresses.map((each) => ({ ...each, port, protocol, portIndex })),
      ...(atNodes === undefined ? [] : families).map(
        (family): Frontend => ({
          ...{ kind: 'node-port', family, port: atNodes as Port, protocol, portIndex },
        }),
      ),
    ];
  });
}

/** Unique among the frontends that can be used at the same time. */
export function frontendKey({ address, family, port, protocol }: Omit<Frontend, 'kind'>): string {
  return address === undefined
    ? nodePortKey(family, port, protocol)
    : destinationKey({ address, port, protocol });
}

export function destinationKey({ address, port, protocol }: Destination): string {
  return `${address} ${port} ${protocol}`;
}

export function nodePortKey(
  family: AddressFamily,
  port: Port,
  protocol: TransportProtocol,
): string {
  return `node${family} ${port} ${protocol}`;
}

type At = Required<Pick<Frontend, 'kind' | 'family' | 'address'>>;

function addressesOf(service: ClusterService): readonly At[] {
  const assigned = service.type === 'LoadBalancer' ? (service.loadBalancerAddresses ?? []) : [];
  const translated = assigned.filter(({ isProxied: byOther }) => byOther !== true);
  const at = (kind: FrontendKind, address: Address): At => {
    return { kind, family: addressFamily(address), address };
  };
  return [
    ...service.clusterAddresses.map((address) => at('cluster', address)),
    ...translated.map(({ address }) => at('load-balancer', address)),
    ...service.externalAddresses.map((address) => at('external', address)),
  ];
}
