// What the kernel knows of endpoints against what their records say, after a start: a record that is gone is made again, one of a
// restored backup is set right. The data path's entries are of the agent before this one, which wrote them for those very
// interfaces.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { EndpointRecord } from './record.ts';
import type { EndpointStore } from './store.ts';

export interface KernelRecords {
  /** See `recoverRecord`. */
  recover(hostIfName: string, text: string): LocalEndpoint | undefined;
  /** The data path's entry for an interface; undefined: there is none. */
  entry(
    ifIndex: IfIndex,
  ): { readonly mac: string; readonly ipv4: Address; readonly ipv6: Address } | undefined;
}

export const unknownKernel: KernelRecords = { recover: () => undefined, entry: () => undefined };

/** Makes records for interfaces that have none, as far as the kernel knows enough. */
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

/** What is so of an endpoint whose record was made again: for `heddle status` and CHECK. */
export function recoveredText({ hostIfName }: Pick<LocalEndpoint, 'hostIfName'>): string {
  return `endpoint record of interface ${hostIfName} was lost and has been rebuilt from the kernel's state; the pod keeps its network, but loses any limits and host ports: delete the pod, and its successor gets them`;
}

/**
 * The record as it must be for what the kernel has behind that name now; undefined: nothing better is known. `isThere`: whether the
 * interface of another record is.
 */
export function corrected(
  endpoint: LocalEndpoint,
  { store, kernel, isThere }: Correction,
): LocalEndpoint | undefined {
  const found = kernel.recover(endpoint.hostIfName, '');
  if (found === undefined || isTaken(store, found, isThere)) return undefined;
  const { id, hostIfIndex, mac, addresses, mtuBytes } = found;
  // The rest is as the same container asked for it.
  return { ...endpoint, id, hostIfIndex, mac, addresses, mtuBytes };
}

/** Whether the data path has that interface as the record says, or not at all. */
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

// A record of a restored backup, whose pod is gone, takes nothing from one that the data path serves.
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
