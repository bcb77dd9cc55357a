// Interfaces that are pods' by name and MAC but have no endpoint: their record was lost and cannot be rebuilt, or
// contradicts them. They keep their programs, which drop their packets.

import type { Link } from '../../kernel/netlink/link-record.ts';
import type { UnclaimedInterface } from '../../model/desired.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { gatewayMac } from './gateway.ts';
import { isDoomedName, isEndpointName } from './names.ts';

export interface Claims {
  /** Indices of live endpoints. */
  readonly live: ReadonlySet<IfIndex>;
  /** Whether an ADD or DEL for it is in progress or waiting. */
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

/** The current ones, and their problems for `heddle status`. */
export class Unclaimed {
  #interfaces: readonly UnclaimedInterface[] = [];

  find(links: readonly Link[], claims: Claims): readonly UnclaimedInterface[] {
    this.#interfaces = unclaimedInterfaces(links, claims);
    return this.#interfaces;
  }

  forget(ifIndex: IfIndex): void {
    this.#interfaces = this.#interfaces.filter((own) => own.ifIndex !== ifIndex);
  }

  /** Problems of those without a problem of their own (`isKnown`). */
  problems(isKnown: (hostIfName: string) => boolean): readonly string[] {
    return this.#interfaces.filter(({ name }) => !isKnown(name)).map(unclaimedText);
  }
}

function unclaimedText({ name, ifIndex }: UnclaimedInterface): string {
  return `interface ${name} (index ${ifIndex}) belongs to a pod but has no endpoint record: packets from the pod are dropped; delete the pod, or the interface: ip link delete ${name}`;
}
