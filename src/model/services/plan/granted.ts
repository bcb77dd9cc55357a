// The frontends that a Service gets of those it claims, by port.

import type { Entries } from '../../../base/collections/collection.ts';
import { namespacedName } from '../../../base/namespaced-name.ts';
import type { ClusterService } from '../../../cluster/objects.ts';
import type { Address } from '../../../net/address.ts';
import type { Claim } from '../claims.ts';
import type { CompiledPort, CompiledService } from '../compiled.ts';
import { type Frontend, frontendKey } from '../frontend.ts';
import { claimFlaw } from '../resolve.ts';
import type { TakenAddress } from '../taken-addresses.ts';

export interface GrantedPort {
  /** Of the port among those of the Service: the same after other ports have changed. */
  readonly name: string;
  readonly port: CompiledPort;
  /** By key of the claim. */
  readonly frontends: ReadonlyMap<string, Frontend>;
}

export interface Granted {
  readonly ports: readonly GrantedPort[];
  /** Cluster addresses, whose other ports are refused. */
  readonly addresses: readonly Address[];
}

interface Rules {
  readonly owners: Entries<string, Claim>;
  readonly taken: TakenAddress;
}

/** `claimed`: the Service's frontends. */
export function grantedTo(
  { service, ports }: CompiledService,
  claimed: readonly Frontend[],
  { owners, taken }: Rules,
): Granted {
  const name = namespacedName(service);
  const byPort = new Map<CompiledPort, Map<string, Frontend>>();
  const seen = new Set<Claim>();
  for (const each of claimed) {
    const claim = owners.get(frontendKey(each));
    if (claim?.service !== name || claim.frontend === undefined || seen.has(claim)) continue;
    seen.add(claim);
    // The claim's own text is in memory anyway.
    const { key, frontend } = claim;
    const { family, portIndex } = frontend;
    const port = ports.find((each) => each.family === family && each.index === portIndex);
    if (port === undefined || claimFlaw({ owners }, taken, claim) !== undefined) continue;
    const frontends = byPort.get(port) ?? new Map<string, Frontend>();
    byPort.set(port, frontends.set(key, frontend));
  }
  return {
    ports: Array.from(byPort, ([port, frontends]) => ({
      ...{ name: portName(service, port), port, frontends },
    })),
    addresses: service.clusterAddresses.filter(
      (address) => owners.get(address)?.service === name && taken(address, 'cluster') === undefined,
    ),
  };
}

/** Addresses on whose owners the Service's frontends depend. */
export function addressesAmong(
  { clusterAddresses }: ClusterService,
  claimed: readonly Frontend[],
): readonly Address[] {
  const all = new Set(clusterAddresses);
  for (const { address } of claimed) if (address !== undefined) all.add(address);
  return [...all];
}

function portName({ ports }: ClusterService, { family, index }: CompiledPort): string {
  const { name = '', protocol = '' } = ports[index] ?? {};
  return `${protocol} ${name} of IPv${family}`;
}
