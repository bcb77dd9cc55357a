// What the kernel knows of endpoints against what their records say, after a start: a record that is gone is made again, one of a
// restored backup is set right. The data path's entries are of the agent before this one, which wrote them for those very
// interfaces.

import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type EndpointRecord, formatRecord } from './record.ts';
import type { RecoveredRecord } from './recovery.ts';
import type { EndpointStore } from './store.ts';

export interface KernelRecords {
  /** See `recoverRecord`. */
  recover(hostIfName: string, text: string): RecoveredRecord | undefined;
  /** The data path's entry for an interface; undefined: there is none. */
  entry(
    ifIndex: IfIndex,
  ): { readonly mac: string; readonly ipv4: Address; readonly ipv6: Address } | undefined;
}

export const unknownKernel: KernelRecords = { recover: () => undefined, entry: () => undefined };

/** Makes records for interfaces that have none, as far as the kernel knows enough; a sentence for each. */
export function recoverLost(
  store: EndpointStore,
  interfaces: readonly string[],
  kernel: KernelRecords,
): readonly string[] {
  return interfaces.flatMap((hostIfName) => {
    if (store.get(hostIfName) !== undefined) return [];
    const found = kernel.recover(hostIfName, '');
    const isThere = ({ hostIfName: name }: EndpointRecord): boolean => interfaces.includes(name);
    if (found === undefined || isTaken(store, found.record, isThere)) return [];
    store.restore(found.record);
    const lost = found.lost.length === 0 ? '' : `; lost: ${found.lost.join(', ')}`;
    return [
      `endpoint record of interface ${hostIfName} was lost; made again from what the kernel has of the pod, which keeps its network${lost}`,
    ];
  });
}

/**
 * The record as it must be for what the kernel has behind that name now; undefined: nothing better is known. `isThere`: whether the
 * interface of another record is.
 */
export function corrected(
  endpoint: LocalEndpoint,
  { store, kernel, isThere }: Correction,
): LocalEndpoint | undefined {
  const found = kernel.recover(endpoint.hostIfName, formatRecord(endpoint))?.record;
  if (found === undefined || isTaken(store, found, isThere)) return undefined;
  // What the kernel does not tell is as it was.
  return { ...endpoint, ...found };
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
