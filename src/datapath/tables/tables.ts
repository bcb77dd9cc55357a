// Every table of the data path, in the order in which they are applied.

import type { BpfMap } from '../../kernel/map.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';
import type { DesiredState } from '../../model/desired.ts';
import type { LocalEndpoint } from '../../model/endpoint.ts';
import type { Address } from '../../net/address.ts';
import type { Table } from '../../reconcile/table.ts';
import { type TrackedTable, type Tracking, trackTable } from '../../reconcile/tracked-table.ts';
import type { Endpoint, EndpointKey, Location, Route, RouteKey, Underlay } from '../generated.ts';
import { addressMapEntries, addressMapEntriesOf, addressMapTable } from './addresses.ts';
import type { Attacher } from './attacher.ts';
import { attachmentEntries, attachmentEntriesOf, attachmentTable } from './attachments.ts';
import { endpointMapEntries, endpointMapEntriesOf, endpointMapTable } from './endpoints.ts';
import { countingChanges } from './generation.ts';
import { limitEntries, limitEntriesOf, limitTable } from './limits.ts';
import { linkAddressEntries, linkAddressTable } from './link-addresses.ts';
import { linkEntries, linkTable } from './links.ts';
import {
  neighbourEntries,
  neighbourEntriesOf,
  neighbourListing,
  neighbourTable,
} from './neighbours.ts';
import { nextHopEntries, nextHopTable } from './next-hops.ts';
import { type NftRunner, nftTable } from './nft.ts';
import { nftEntries, nftKey } from './nft-rules.ts';
import { routeEntries, routeEntriesOf, routeTable } from './routes.ts';
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
  const listing = neighbourListing(socket);
  return [
    trackTable(sysctlTable(sysctlMemory, settingsByLink, madeSettings), sysctlEntries),
    trackTable(linkTable(socket), linkEntries),
    trackTable(linkAddressTable(socket), linkAddressEntries),
    trackTable(limitTable(socket, hasQueues), limitEntries),
    trackTable(counted(endpointMapTable(maps.endpoints)), endpointMapEntries),
    trackTable(counted(addressMapTable(maps.addresses)), addressMapEntries),
    trackTable(counted(routeMapTable(maps.routes)), routeMapEntries),
    trackTable(counted(underlayTable(maps.underlay)), underlayEntries),
    trackTable(routeTable(socket), routeEntries),
    trackTable(neighbourTable(socket, listing), neighbourEntries),
    trackTable(nextHopTable(socket, listing), nextHopEntries),
    trackTable(nftTable(nft), nftEntries),
    trackTable(counted(attachmentTable(attacher)), attachmentEntries),
  ];
}

/** Where one endpoint's entries are, so that CNI ADD can tell whether any of them failed. */
export function endpointEntryKeys(
  endpoint: LocalEndpoint,
): readonly { readonly table: string; readonly key: string }[] {
  const own = [
    ['limits', limitEntriesOf(endpoint)] as const,
    ['endpoints', endpointMapEntriesOf(endpoint)] as const,
    ['addresses', addressMapEntriesOf(endpoint)] as const,
    ['routes', routeEntriesOf(endpoint)] as const,
    ['neighbours', neighbourEntriesOf(endpoint)] as const,
    ['attachments', attachmentEntriesOf(endpoint)] as const,
  ].flatMap(([table, entries]) => entries.map(([key]) => ({ table, key })));
  const hasHostPorts = (endpoint.portMappings ?? []).length > 0;
  return hasHostPorts ? [...own, { table: 'nft', key: nftKey }] : own;
}
