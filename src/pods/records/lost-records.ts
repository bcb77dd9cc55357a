// Compares the kernel's state of endpoints with their records after a start: a missing record is rebuilt, one from a
// restored backup is corrected. The data path's entries were written by the previous agent for these very interfaces.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord } from './record.ts';
import type { EndpointStore } from './store.ts';

export interface KernelRecords {
  /** See `recoverRecord`. */
  recover(hostIfName: string, text: string): LocalEndpoint | undefined;
  /** The data path's entry of an interface; undefined: there is none. */
  entry(
    ifIndex: IfIndex,
  ): { readonly mac: string; readonly ipv4: Address; readonly ipv6: Address } | undefined;
}

export const unknownKernel: KernelRecords = { recover: () => undefined, entry: () => undefined };

/** Creates records for interfaces without one, as far as the kernel has enough information. */
export function recoverLost(
  store: EndpointStore,
  interfaces: readonly string[],
  kernel: KernelRecords,
): void {
  const isThere = ({ hostIfName: name }: EndpointRecord): boolean => interfaces.includes(name);
  for (const hostIfName of interfaces) {
    if (store.get(hostIfName) !== undefined) continue;
    const found = kernel.recover(hostIfName, '');
    if (found !== undefined && !isTaken(store, found, isThere)) store.restore(found);
  }
}

/** Message about an endpoint whose record was rebuilt, for `heddle status` and CHECK. */
export function recoveredText({ hostIfName }: Pick<LocalEndpoint, 'hostIfName'>): string {
  return `endpoint record of interface ${hostIfName} was lost and has been rebuilt from the kernel's state; the pod keeps its network, but loses any limits and host ports: delete the pod, and its successor gets them`;
}

/**
 * The record that matches the kernel's interface of that name now; undefined: nothing better is known. `isThere`:
 * whether the interface of another record exists.
 */
export function corrected(
  endpoint: LocalEndpoint,
  { store, kernel, isThere }: Correction,
): LocalEndpoint | undefined {
  const found = kernel.recover(endpoint.hostIfName, '');
  if (found === undefined || isTaken(store, found, isThere)) return undefined;
  const { id, hostIfIndex, mac, addresses, mtuBytes } = found;
  // The other fields are as the same container requested them.
  return { ...endpoint, id, hostIfIndex, mac, addresses, mtuBytes };
}

/** Whether the data path has that interface as recorded, or not at all. */
export function isAsRecorded(
  { hostIfIndex, mac, addresses }: LocalEndpoint,
  kernel: KernelRecords,
): boolean {
  const entry = kernel.entry(hostIfIndex);
  if (entry === undefined) return true;
  const known: readonly Address[] = [entry.ipv4, entry.ipv6];
  const present = known.filter((address) => address !== '::');
  return (
    entry.mac === mac &&
    present.length === addresses.length &&
    addresses.every((address) => present.includes(address))
  );
}

export interface Correction {
  readonly store: EndpointStore;
  readonly kernel: KernelRecords;
  isThere(other: EndpointRecord): boolean;
}

// A record from a restored backup, whose pod no longer exists, takes nothing from one that the data path serves.
function isTaken(
  store: EndpointStore,
  { hostIfName, addresses, id }: LocalEndpoint,
  isThere: Correction['isThere'],
): boolean {
  return store
    .list()
    .some(
      (other) =>
        other.hostIfName !== hostIfName &&
        isThere(other) &&
        (other.id === id || other.addresses.some((address) => addresses.includes(address))),
    );
}
