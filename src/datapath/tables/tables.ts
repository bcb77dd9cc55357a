// Every table of the data path, in the order in which they are applied.

import type { BpfMap } from '../../kernel/map.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { Table } from '../../reconcile/table.ts';
import { type TrackedTable, type Tracking, trackTable } from '../../reconcile/tracked-table.ts';
import type { Endpoint, EndpointKey, Location, Route, RouteKey, Underlay } from '../generated.ts';
import * as addresses from './addresses.ts';
import type { Attacher } from './attacher.ts';
import * as attachments from './attachments.ts';
import * as endpoints from './endpoints.ts';
import { countingChanges } from './generation.ts';
import * as limits from './limits.ts';
import { linkAddressEntries, linkAddressTable } from './link-addresses.ts';
import { linkEntries, linkTable } from './links.ts';
import * as neighbours from './neighbours.ts';
import { nextHopEntries, nextHopTable } from './next-hops.ts';
import { type NftRunner, nftTable } from './nft.ts';
import { nftEntries, nftKey } from './nft-rules.ts';
import * as routes from './routes.ts';
import { routeMapEntries, routeMapTable } from './routes-map.ts';
import { type SettingsByLink, type SysctlMemory, sysctlEntries, sysctlTable } from './sysctls.ts';
import { underlayEntries, underlayTable } from './underlay.ts';

/** What the tables write to. All of one network namespace; sysctls are those of the calling thread's. */
export interface TableTargets {
  readonly socket: NetlinkSocket;
  readonly maps: {
    readonly endpoints: BpfMap<EndpointKey, Endpoint>;
    readonly addresses: BpfMap<Address, Location>;
    readonly routes: BpfMap<RouteKey, Route>;
    readonly underlay: BpfMap<number, Underlay>;
    readonly tableGeneration: BpfMap<number, number>;
  };
  readonly nft: NftRunner;
  readonly attacher: Attacher;
  readonly sysctlMemory: SysctlMemory;
  /** Absent: each setting is read from its file. */
  readonly settingsByLink?: SettingsByLink;
  /** See `sysctlTable`. */
  readonly madeSettings?: SettingsByLink;
  /** See `limitTable`. */
  readonly hasQueues?: () => boolean;
}

/** For the reconciler. What an entry refers to is in a table before its own; attachments come last of all. */
export function datapathTables(
  targets: TableTargets,
): readonly ((tracking: Tracking) => TrackedTable<DesiredState>)[] {
  const { socket, maps, nft, attacher, sysctlMemory } = targets;
  const { settingsByLink, madeSettings, hasQueues } = targets;
  const counted = <Entry>(table: Table<Entry>): Table<Entry> =>
    countingChanges(table, maps.tableGeneration);
  const listing = neighbours.neighbourListing(socket);
  return [
    trackTable(sysctlTable(sysctlMemory, settingsByLink, madeSettings), sysctlEntries),
    trackTable(linkTable(socket), linkEntries),
    trackTable(linkAddressTable(socket), linkAddressEntries),
    trackTable(limits.limitTable(socket, hasQueues), limits.limitEntries),
    trackTable(counted(endpoints.endpointMapTable(maps.endpoints)), endpoints.endpointMapEntries),
    trackTable(counted(addresses.addressMapTable(maps.addresses)), addresses.addressMapEntries),
    trackTable(counted(routeMapTable(maps.routes)), routeMapEntries),
    trackTable(counted(underlayTable(maps.underlay)), underlayEntries),
    trackTable(routes.routeTable(socket), routes.routeEntries),
    trackTable(neighbours.neighbourTable(socket, listing), neighbours.neighbourEntries),
    trackTable(nextHopTable(socket, listing), nextHopEntries),
    trackTable(nftTable(nft), nftEntries),
    trackTable(counted(attachments.attachmentTable(attacher)), attachments.attachmentEntries),
  ];
}

/** Where one endpoint's entries are, so that CNI ADD can tell whether any of them failed. */
export function endpointEntryKeys(
  endpoint: LocalEndpoint,
): readonly { readonly table: string; readonly key: string }[] {
  const own = [
    ['limits', limits.entriesOfEndpoint(endpoint)] as const,
    ['endpoints', endpoints.entriesOfEndpoint(endpoint)] as const,
    ['addresses', addresses.entriesOfEndpoint(endpoint)] as const,
    ['routes', routes.entriesOfEndpoint(endpoint)] as const,
    ['neighbours', neighbours.entriesOfEndpoint(endpoint)] as const,
    ['attachments', attachments.entriesOfEndpoint(endpoint)] as const,
  ].flatMap(([table, entries]) => entries.map(([key]) => ({ table, key })));
  const hasHostPorts = (endpoint.portMappings ?? []).length > 0;
  return hasHostPorts ? [...own, { table: 'nft', key: nftKey }] : own;
}
