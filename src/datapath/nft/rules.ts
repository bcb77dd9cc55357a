// What the nftables table `inet heddle` holds: pods' packets to outside the cluster get the node's address, the tunnel's
// port takes packets of other nodes alone and keeps them out of connection tracking, host ports lead to pods, and what is
// left of direct flows is not tracked.

import { memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, Masquerade, TunnelEnds } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { EntryGroup } from '../../reconcile/table.ts';
import { nftKey } from '../ids.ts';
import { directRules } from './direct.ts';
import { hostPortRules } from './host-ports.ts';
import { masqueradeRules } from './masquerade.ts';
import { type NftEntry, renderTable, type TableContents } from './rule-text.ts';
import { tunnelRules } from './tunnel.ts';

export function nftEntries(desired: DesiredState): readonly EntryGroup<NftEntry>[] {
  const { masquerade, tunnelEnds, overlay, endpoints, hostPortAddresses, podRanges } = desired;
  return groups(
    podRanges.length === 0 ? nothing : directRules,
    tunnelPart(tunnelEnds, masquerade !== undefined, hostPortAddresses !== undefined),
    masqueradePart(masquerade, overlay?.name),
    hostPortPart(withHostPorts(endpoints), hostPortAddresses),
  );
}

/** The one entry, where the endpoint's host ports are in it. */
export function nftKeysOf({ portMappings = [] }: LocalEndpoint): readonly string[] {
  return portMappings.length > 0 ? [nftKey] : [];
}

const nothing: TableContents = { collections: [], counters: [], chains: [] };

const tunnelPart = memoizeLast(
  (ends: TunnelEnds | undefined, isTracking: boolean, hasServices: boolean) =>
    ends === undefined ? nothing : tunnelRules(ends, { isTracking, hasServices }),
);

const masqueradePart = memoizeLast((masquerade: Masquerade | undefined, tunnel?: string) =>
  masquerade === undefined ? nothing : masqueradeRules(masquerade, tunnel),
);

const hostPortPart = memoizeLast(hostPortRules);

let lastWithHostPorts: readonly LocalEndpoint[] = [];

const hasHostPorts = memoizeEach(({ portMappings = [] }: LocalEndpoint) => portMappings.length > 0);

// The same array while it holds the same: most pods have no host ports, and cost no new table.
function withHostPorts(endpoints: readonly LocalEndpoint[]): readonly LocalEndpoint[] {
  const has = hasHostPorts(endpoints);
  const found = endpoints.filter((_, index) => has[index]);
  const isSame =
    found.length === lastWithHostPorts.length &&
    found.every((endpoint, index) => endpoint === lastWithHostPorts[index]);
  if (!isSame) lastWithHostPorts = found;
  return lastWithHostPorts;
}

const groups = memoizeLast((...parts: readonly TableContents[]): EntryGroup<NftEntry>[] => {
  const chains = parts.flatMap((part) => part.chains);
  const collections = parts.flatMap((part) => part.collections);
  const counters = parts.flatMap((part) => part.counters);
  return chains.length === 0 ? [] : [[[nftKey, renderTable({ collections, counters, chains })]]];
});
