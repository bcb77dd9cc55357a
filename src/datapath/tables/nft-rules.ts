// What the nftables table `inet heddle` holds: pods' packets to outside the cluster get the node's address, the tunnel's
// port takes packets of other nodes alone and keeps them out of connection tracking, and host ports lead to pods.

import { memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, Masquerade, TunnelEnds } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { EntryGroup } from '../../reconcile/table.ts';
import { hostPortRules } from './nft-host-ports.ts';
import { masqueradeRules } from './nft-masquerade.ts';
import { type NftEntry, renderTable, type TableContents } from './nft-render.ts';
import { tunnelRules } from './nft-tunnel.ts';

export const nftTableName = 'heddle';
export const nftKey: string = `inet ${nftTableName}`;

export function nftEntries(desired: DesiredState): readonly EntryGroup<NftEntry>[] {
  const { masquerade, tunnelEnds, overlay, endpoints, hostPortAddresses } = desired;
  const hostPorts = memoizedHostPorts(withHostPorts(endpoints), hostPortAddresses);
  return groups(masquerade, tunnelEnds, overlay?.name, hostPorts);
}

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

const memoizedHostPorts = memoizeLast(hostPortRules);

const nothing: TableContents = { collections: [], counters: [], chains: [] };

const groups = memoizeLast(
  (
    masquerade: Masquerade | undefined,
    tunnel: TunnelEnds | undefined,
    device: string | undefined,
    hostPorts: TableContents,
  ): EntryGroup<NftEntry>[] => {
    const parts = [
      tunnel === undefined ? nothing : tunnelRules(tunnel, masquerade !== undefined),
      masquerade === undefined ? nothing : masqueradeRules(masquerade, device),
      hostPorts,
    ];
    const chains = parts.flatMap((part) => part.chains);
    const collections = parts.flatMap((part) => part.collections);
    const counters = parts.flatMap((part) => part.counters);
    return chains.length === 0 ? [] : [[[nftKey, renderTable({ collections, counters, chains })]]];
  },
);
