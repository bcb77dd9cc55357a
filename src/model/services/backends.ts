// The backends of a Service's port: endpoints of all its slices, without duplicates.

import type { ClusterEndpointSlice, ServicePort, SliceEndpoint } from '../../cluster/objects.ts';
import type { Address, AddressFamily } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';

export interface Backend {
  readonly address: Address;
  readonly port: Port;
  /** It runs on this node. */
  readonly isLocal: boolean;
  readonly endpoint: SliceEndpoint;
}

/**
 * `ready`: used first. `serving`: shuts down but still answers, used if no backend in the scope of the traffic policy
 * is ready. `out`: never used.
 */
export type BackendState = 'ready' | 'serving' | 'out';

export function stateOf({ ready, serving, terminating }: SliceEndpoint): BackendState {
  if (ready) return 'ready';
  return serving && terminating ? 'serving' : 'out';
}

export interface BackendsWanted {
  readonly node: string;
  readonly family: AddressFamily;
  readonly port: ServicePort;
}

/**
 * Those on this node first, then by address. A slice's port belongs to the Service's port with the same name and
 * protocol, and may have different numbers in different slices. Of several addresses of an endpoint, which the API calls
 * fungible, the first is used.
 *
 * While a controller moves an endpoint, two slices have it, one of them in an old state. The most usable state counts,
 * of equal ones the slice with the smallest name; the backend is local if one of them says so.
 */
export function backendsOf(
  slices: readonly ClusterEndpointSlice[],
  { node, family, port }: BackendsWanted,
): readonly Backend[] {
  const type = family === 4 ? 'IPv4' : 'IPv6';
  const found = new Map<string, Backend>();
  for (const { addressType, ports, endpoints } of slices) {
    if (addressType !== type) continue;
    for (const slicePort of ports) {
      if (!isPort(slicePort, port) || slicePort.port === undefined) continue;
      for (const endpoint of endpoints) {
        const [address] = endpoint.addresses;
        if (address === undefined) continue;
        const isLocal = endpoint.node === node;
        const made = { address, port: slicePort.port, isLocal, endpoint };
        const key = `${address} ${slicePort.port}`;
        found.set(key, merged(found.get(key), made));
      }
    }
  }
  return [...found]
    .sort(([left, { isLocal }], [right, other]) => {
      return Number(other.isLocal) - Number(isLocal) || (left < right ? -1 : 1);
    })
    .map(([, backend]) => backend);
}

function isPort(
  left: Pick<ServicePort, 'name' | 'protocol'>,
  right: Pick<ServicePort, 'name' | 'protocol'>,
): boolean {
  return left.protocol === right.protocol && (left.name ?? '') === (right.name ?? '');
}

const usability: Readonly<Record<BackendState, number>> = { ready: 2, serving: 1, out: 0 };

function merged(before: Backend | undefined, next: Backend): Backend {
  if (before === undefined) return next;
  const isBetter = usability[stateOf(next.endpoint)] > usability[stateOf(before.endpoint)];
  return { ...(isBetter ? next : before), isLocal: before.isLocal || next.isLocal };
}
