// A port of the node that leads to a port of a pod, as in CNI's `portMappings` capability.

import { type Address, type AddressFamily, addressFamily } from './address.ts';
import type { Port } from './port.ts';

export type MappedProtocol = 'tcp' | 'udp' | 'sctp';

export interface PortMapping {
  readonly protocol: MappedProtocol;
  readonly hostPort: Port;
  readonly containerPort: Port;
  /** Absent: every address of the node, of both families. `0.0.0.0` and `::`: every address of that family. */
  readonly hostAddress?: Address | undefined;
}

/** Host ports in use and their owners. The cost of a lookup is independent of their number. */
export class TakenPorts<Owner> {
  readonly #owners = new Map<string, Owner>();

  /** The owner of a mapping that would match the same packets. */
  ownerOf(mapping: PortMapping): Owner | undefined {
    const found = placesOf(mapping).map(({ family, place }) =>
      place === 'any'
        ? this.#owners.get(key(mapping, family, 'some'))
        : (this.#owners.get(key(mapping, family, place)) ??
          this.#owners.get(key(mapping, family, 'any'))),
    );
    return found.find((owner) => owner !== undefined);
  }

  /** The first owner keeps the port. */
  add(mapping: PortMapping, owner: Owner): void {
    for (const { family, place } of placesOf(mapping)) {
      for (const which of [place, 'some']) {
        const at = key(mapping, family, which);
        if (!this.#owners.has(at)) this.#owners.set(at, owner);
      }
    }
  }
}

interface Place {
  readonly family: AddressFamily;
  readonly place: Address | 'any';
}

function placesOf({ hostAddress }: PortMapping): readonly Place[] {
  if (hostAddress === undefined) {
    return [
      { family: 4, place: 'any' },
      { family: 6, place: 'any' },
    ];
  }
  const family = addressFamily(hostAddress);
  return [{ family, place: isAnyAddress(hostAddress) ? 'any' : hostAddress }];
}

function key({ protocol, hostPort }: PortMapping, family: AddressFamily, which: string): string {
  return `${protocol} ${hostPort} ${family} ${which}`;
}

export function isAnyAddress(address: Address): boolean {
  return address === '0.0.0.0' || address === '::';
}

/** Whether the node itself can use the mapping over IPv4 loopback. */
export function isReachedByLoopback({ hostAddress }: PortMapping): boolean {
  return hostAddress === undefined || hostAddress === '0.0.0.0' || hostAddress.startsWith('127.');
}

/** `tcp 8080`, `udp 192.0.2.1 53`: the part of a mapping that is unique on the node. */
export function describeHostPort({ protocol, hostAddress, hostPort }: PortMapping): string {
  return [protocol, hostAddress, hostPort].filter((word) => word !== undefined).join(' ');
}
