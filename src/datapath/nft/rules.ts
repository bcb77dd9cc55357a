// The contents of the nftables table `inet heddle`: pods' packets to outside the cluster get the node's address, the
// tunnel's port accepts only packets of other nodes and excludes them from connection tracking, host ports lead to
// pods, and packets of direct flows in the stack are not tracked.

import { memoize, memoizeEach, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, Masquerade, TunnelEnds } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Prefix } from '../../net/prefix.ts';
import type { EntryGroup } from '../../reconcile/table.ts';
import { nftKey } from '../ids.ts';
import { directRules } from './direct.ts';
import { contentEntries, keyed, type NftEntry, tableEntry } from './entries.ts';
import { hostPortRules, hostPortsOf } from './host-ports.ts';
import { masqueradeRules } from './masquerade.ts';
import { tunnelRules } from './tunnel.ts';

type Group = EntryGroup<NftEntry>;

export function nftEntries(desired: DesiredState): readonly Group[] {
  const { masquerade, tunnelEnds, overlay, endpoints, hostPortAddresses, podRanges } = desired;
  const mapped = hostPorts(withHostPorts(endpoints));
  return groups(
    mapped,
    podRanges.length === 0 ? nothing : directPart,
    tunnelPart(tunnelEnds, masquerade !== undefined, hostPortAddresses !== undefined),
    masqueradePart(masquerade, overlay?.name),
    hostPortPart(hasFamily(mapped, 4), hasFamily(mapped, 6), hostPortAddresses),
  );
}

/**
 * For an endpoint with host ports: its own elements, everything that they need, and the table, under whose key a
 * refused transaction is reported.
 */
export function nftKeysOf(endpoint: LocalEndpoint): readonly string[] {
  const { families, group } = hostPortsOfEach(endpoint);
  if (families.length === 0) return [];
  const needed = keyed(contentEntries(hostPortRules(families), ranks.hostPorts));
  return [nftKey, ...[...needed, ...group].map(([key]) => key)];
}

const nothing: Group = [];
const tablePart = keyed([tableEntry]);

/** Chains are created in this order. */
const ranks = { direct: 0, tunnel: 100, masquerade: 200, hostPorts: 300 } as const;

const directPart = keyed(contentEntries(directRules, ranks.direct));

const tunnelPart = memoizeLast(
  (ends: TunnelEnds | undefined, isTracking: boolean, hasServices: boolean): Group =>
    ends === undefined
      ? nothing
      : keyed(contentEntries(tunnelRules(ends, { isTracking, hasServices }), ranks.tunnel)),
);

const masqueradePart = memoizeLast(
  (masquerade: Masquerade | undefined, tunnel?: string): Group =>
    masquerade === undefined
      ? nothing
      : keyed(contentEntries(masqueradeRules(masquerade, tunnel), ranks.masquerade)),
);

const hostPortPart = memoizeLast(
  (hasIpv4: boolean, hasIpv6: boolean, own: readonly Prefix[] | undefined): Group => {
    const families = [...(hasIpv4 ? ([4] as const) : []), ...(hasIpv6 ? ([6] as const) : [])];
    return keyed(contentEntries(hostPortRules(families, own), ranks.hostPorts));
  },
);

const hostPortsOfEach = memoize((endpoint: LocalEndpoint) => {
  const { families, elements } = hostPortsOf(endpoint);
  return { families, group: keyed(elements) };
});

type Mapped = readonly ReturnType<typeof hostPortsOfEach>[];

const hostPorts = memoizeEach(hostPortsOfEach);

function hasFamily(mapped: Mapped, family: 4 | 6): boolean {
  return mapped.some(({ families }) => families.includes(family));
}

let lastWithHostPorts: readonly LocalEndpoint[] = [];

const hasHostPorts = memoizeEach(({ portMappings = [] }: LocalEndpoint) => portMappings.length > 0);

// The same array while its contents are the same: most pods have no host ports.
function withHostPorts(endpoints: readonly LocalEndpoint[]): readonly LocalEndpoint[] {
  const has = hasHostPorts(endpoints);
  const found = endpoints.filter((_, index) => has[index]);
  const isSame =
    found.length === lastWithHostPorts.length &&
    found.every((endpoint, index) => endpoint === lastWithHostPorts[index]);
  if (!isSame) lastWithHostPorts = found;
  return lastWithHostPorts;
}

const groups = memoizeLast((mapped: Mapped, ...parts: readonly Group[]): readonly Group[] => {
  const some = parts.filter((part) => part.length > 0);
  return some.length === 0 ? [] : [tablePart, ...some, ...mapped.map(({ group }) => group)];
});
