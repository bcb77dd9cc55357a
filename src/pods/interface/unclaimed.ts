// Interfaces that are pods' by their name and MAC, and that no endpoint has: their record was lost and cannot be made again, or
// says something else. They keep their programs, which drop what they send.

import type { Link } from '../../kernel/netlink/link-record.ts';
import type { UnclaimedInterface } from '../../model/desired.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { gatewayMac } from './gateway.ts';
import { isDoomedName, isEndpointName } from './names.ts';

export interface Claims {
  /** Of live endpoints. */
  readonly live: ReadonlySet<IfIndex>;
  /** An ADD or DEL of it is under way, or will be. */
  isUnderWay(hostIfName: string): boolean;
}

export function isPodInterface({ name, kind, mac }: Link): boolean {
  return kind === 'veth' && mac === gatewayMac && isEndpointName(name) && !isDoomedName(name);
}

function unclaimedInterfaces(
  links: readonly Link[],
  { live, isUnderWay }: Claims,
): readonly UnclaimedInterface[] {
  return links
    .filter((link) => isPodInterface(link) && !live.has(link.ifIndex) && !isUnderWay(link.name))
    .map(({ name, ifIndex }) => ({ name, ifIndex }));
}

/** Those of this moment, and what `heddle status` says of them. */
export class Unclaimed {
  #interfaces: readonly UnclaimedInterface[] = [];

  find(links: readonly Link[], claims: Claims): readonly UnclaimedInterface[] {
    this.#interfaces = unclaimedInterfaces(links, claims);
    return this.#interfaces;
  }

  forget(ifIndex: IfIndex): void {
    this.#interfaces = this.#interfaces.filter((own) => own.ifIndex !== ifIndex);
  }

  /** Of those that `isKnown` does not say something of by itself. */
  problems(isKnown: (hostIfName: string) => boolean): readonly string[] {
    return this.#interfaces.filter(({ name }) => !isKnown(name)).map(unclaimedText);
  }
}

function unclaimedText({ name, ifIndex }: UnclaimedInterface): string {
  return `interface ${name} (index ${ifIndex}) belongs to a pod but has no endpoint record: packets from the pod are dropped; delete the pod, or the interface: ip link delete ${name}`;
}
