// The contents of the nftables table `inet heddle`: pods' packets to outside the cluster get the node's address, the
// tunnel's port accepts only packets of other nodes and excludes them from connection tracking, host ports lead to
// pods, packets of direct flows in the stack are not tracked, no process of the node sends as a pod, and nothing harmful
// happens to translated connections.

import type { Entries } from '../../base/collections/collection.ts';
import { mapEach } from '../../base/collections/derived.ts';
import { memoizeLast } from '../../base/memoize.ts';
import type { Masquerade, TunnelEnds } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import { nftKey, nftTableName } from '../../model/ids.ts';
import type { AddressFamily } from '../../net/address.ts';
import type { Prefix } from '../../net/prefix.ts';
import type { EntryGroup } from '../../reconcile/table.ts';
import { ofEachEndpoint, type StateContents } from '../contents.ts';
import { directRules } from './direct.ts';
import { contentEntries, keyed, type NftEntry, tableEntry } from './entries.ts';
import { hostPortRules, hostPortsOf } from './host-ports.ts';
import { localSourceRules } from './local-sources.ts';
import { masqueradeRules } from './masquerade.ts';
import { translatedRules } from './translated.ts';
import { arrivedWhole, tunnelRules } from './tunnel.ts';
import { tunnelErrors } from './tunnel-errors.ts';

type Group = EntryGroup<NftEntry>;

export function nftContents(): StateContents<NftEntry> {
  const tunnel = memoizeLast(tunnelPart);
  const masquerading = memoizeLast(masqueradePart);
  const hostPorts = memoizeLast(hostPortPart);
  const localSources = memoizeLast(localSourcePart);
  const translated = memoizeLast(translatedPart);
  const families = memoizeLast(mappedFamilies);
  return {
    ...ofEachEndpoint((endpoint) => hostPortsOfEach(endpoint).group),
    groups: (desired) => {
      const { masquerade, tunnelEnds, overlay, endpoints, hostPortAddresses } = desired;
      const { podRanges, podSources, matchesSockets = true } = desired;
      const mapped = families(endpoints).values();
      // Elsewhere these rules would make the kernel track connections.
      const isTracking = masquerade !== undefined || tunnelEnds !== undefined || mapped.length > 0;
      const parts = [
        directPart(podRanges.length > 0, tunnelEnds !== undefined),
        localSources(matchesSockets ? podSources : noPrefixes),
        tunnel(tunnelEnds, hostPortAddresses !== undefined),
        isTracking ? translated(matchesSockets, podSources, tunnelEnds) : nothing,
        masquerading(masquerade, overlay?.name, overlay?.port),
        hostPorts(hasFamily(mapped, 4), hasFamily(mapped, 6), hostPortAddresses),
      ].filter((part) => part.length > 0);
      return parts.length === 0 ? [] : [tablePart, ...parts];
    },
  };
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
const noPrefixes: readonly Prefix[] = [];
const tablePart = keyed([tableEntry(nftTableName)]);

/** Chains are created in this order. */
const ranks = {
  direct: 0,
  localSources: 50,
  tunnel: 100,
  translated: 150,
  masquerade: 200,
  hostPorts: 300,
} as const;

function directPart(hasPods: boolean, hasTunnel: boolean): Group {
  if (hasTunnel) return directWithTunnel;
  return hasPods ? directAlone : nothing;
}

const directAlone = keyed(contentEntries(directRules([]), ranks.direct));
const directWithTunnel = keyed(contentEntries(directRules([arrivedWhole]), ranks.direct));

function localSourcePart(podSources: readonly Prefix[]): Group {
  const contents = localSourceRules(podSources);
  if (contents === undefined) return nothing;
  return keyed(contentEntries(contents, ranks.localSources));
}

function tunnelPart(ends: TunnelEnds | undefined, hasServices: boolean): Group {
  if (ends === undefined) return nothing;
  return keyed(contentEntries(tunnelRules(ends, hasServices), ranks.tunnel));
}

function translatedPart(
  matchesSockets: boolean,
  podSources: readonly Prefix[],
  ends: TunnelEnds | undefined,
): Group {
  const entering = ends === undefined ? [] : tunnelErrors(ends).entering;
  const contents = translatedRules({ matchesSockets, podSources, entering });
  return keyed(contentEntries(contents, ranks.translated));
}

function masqueradePart(masquerade: Masquerade | undefined, name?: string, port?: number): Group {
  if (masquerade === undefined) return nothing;
  const tunnel = name === undefined || port === undefined ? undefined : { name, port };
  return keyed(contentEntries(masqueradeRules(masquerade, tunnel), ranks.masquerade));
}

function hostPortPart(
  hasIpv4: boolean,
  hasIpv6: boolean,
  own: readonly Prefix[] | undefined,
): Group {
  const families = [...(hasIpv4 ? ([4] as const) : []), ...(hasIpv6 ? ([6] as const) : [])];
  return keyed(contentEntries(hostPortRules(families, own), ranks.hostPorts));
}

function hostPortsOfEach(endpoint: LocalEndpoint): {
  readonly families: readonly AddressFamily[];
  readonly group: Group;
} {
  const { families, elements } = hostPortsOf(endpoint);
  return { families, group: keyed(elements) };
}

type Families = readonly AddressFamily[];

// Of the endpoints with host ports, which are few.
function mappedFamilies(endpoints: Entries<string, LocalEndpoint>): Entries<string, Families> {
  return mapEach(endpoints, (endpoint, key): readonly (readonly [string, Families])[] => {
    const { families } = hostPortsOf(endpoint);
    return families.length === 0 ? [] : [[key, families]];
  });
}

function hasFamily(mapped: readonly Families[], family: AddressFamily): boolean {
  return mapped.some((families) => families.includes(family));
}
