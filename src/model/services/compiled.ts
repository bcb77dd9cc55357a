// One Service with its slices, as this node must treat it.

import type { ClusterEndpointSlice, ClusterService } from '../../cluster/objects.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import { type Backend, backendsOf, stateOf } from './backends.ts';
import { familiesOf, isProxied } from './frontend.ts';
import { type BackendSelection, type Place, selectInCluster, selectLocal } from './selection.ts';
import { unusableAddress } from './taken-addresses.ts';

/** One port of a Service in one family. */
export interface CompiledPort {
  readonly family: AddressFamily;
  /** Index in the Service's `ports`. */
  readonly index: number;
  /** All of them, used or not; those on this node first. */
  readonly backends: readonly Backend[];
  /** By traffic policy. */
  readonly inCluster: BackendSelection;
  readonly local: BackendSelection;
}

/** A health check port answers load balancers, which send external traffic only to nodes with local backends. */
export interface HealthCheck {
  readonly port: Port;
  readonly localEndpoints: number;
}

export interface CompiledService {
  readonly service: ClusterService;
  readonly ports: readonly CompiledPort[];
  readonly healthCheck?: HealthCheck | undefined;
  /** Endpoints that are not used because of their addresses. Absent: none. */
  readonly problems?: readonly string[] | undefined;
}

/** Undefined: Kubernetes' rules give the Service no frontend. */
export function compileService(
  service: ClusterService,
  slices: readonly ClusterEndpointSlice[],
  place: Place,
): CompiledService | undefined {
  if (!isProxied(service)) return undefined;
  const ordered = slices.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  const unusable = new Set<string>();
  const ports = familiesOf(service).flatMap((family) =>
    service.ports.map((port, index): CompiledPort => {
      const found = backendsOf(ordered, { node: place.node, family, port });
      const backends = found.filter(({ address }) => {
        const flaw = unusableAddress(address);
        if (flaw !== undefined) unusable.add(`endpoint ${address} ${flaw}`);
        return flaw === undefined;
      });
      const inCluster = selectInCluster(backends, place);
      return { family, index, backends, inCluster, local: selectLocal(backends) };
    }),
  );
  return {
    service,
    ports,
    healthCheck: healthCheckOf(service, ports),
    ...(unusable.size > 0 && { problems: [...unusable] }),
  };
}

function healthCheckOf(
  { type, externalPolicy, healthCheckPort: port }: ClusterService,
  ports: readonly CompiledPort[],
): HealthCheck | undefined {
  if (type !== 'LoadBalancer' || externalPolicy !== 'Local' || port === undefined) return undefined;
  const ready: Record<AddressFamily, Set<Address>> = { 4: new Set(), 6: new Set() };
  for (const { family, backends } of ports)
    for (const { isLocal, address, endpoint } of backends)
      if (isLocal && stateOf(endpoint) === 'ready') ready[family].add(address);
  // An endpoint of both families counts once.
  return { port, localEndpoints: Math.max(ready[4].size, ready[6].size) };
}
