// Every table of the data path, in the order in which they are applied.

import type { BpfMap } from '../kernel/bpf/map.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import type { DesiredState } from '../model/desired.ts';
import type { LocalEndpoint } from '../model/endpoint.ts';
import type { Address } from '../net/address.ts';
import type { EntryName } from '../reconcile/reconciler.ts';
import type { SettleReport } from '../reconcile/status.ts';
import type { EntryGroup, Table, TransactedTable } from '../reconcile/table.ts';
import { trackTable } from '../reconcile/tracked-table.ts';
import type { TrackedTable, Tracking } from '../reconcile/tracking.ts';
import { attachmentContents, attachmentEntriesOf, attachmentTable } from './attach/table.ts';
import type { Attacher } from './attacher.ts';
import type { StateContents } from './contents.ts';
import type { Endpoint, EndpointKey, Location, Route, RouteKey, Underlay } from './generated.ts';
import { limitContents, limitEntriesOf, limitTable } from './host/limits.ts';
import { linkAddressContents, linkAddressTable } from './host/link-addresses.ts';
import {
  neighbourContents,
  neighbourEntriesOf,
  neighbourListing,
  neighbourTable,
} from './host/neighbours.ts';
import { nextHopContents, nextHopTable } from './host/next-hops.ts';
import { linkContents, linkTable } from './host/overlay-device.ts';
import { routeContents, routeEntriesOf, routeTable } from './host/routes.ts';
import {
  type SettingsByLink,
  type SysctlMemory,
  sysctlContents,
  sysctlEntriesOf,
  sysctlTable,
} from './host/sysctls.ts';
import { addressMapContents, addressMapEntriesOf, addressMapTable } from './maps/addresses.ts';
import { endpointMapContents, endpointMapEntriesOf, endpointMapTable } from './maps/endpoints.ts';
import { countingChanges } from './maps/generation.ts';
import { routeMapContents, routeMapTable } from './maps/routes.ts';
import { underlayContents, underlayTable } from './maps/underlay.ts';
import { nftContents, nftKeysOf } from './nft/rules.ts';
import { type NftRunner, nftTable } from './nft/table.ts';

/** Targets of the tables' writes. All in one network namespace; sysctls are those of the calling thread's. */
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

/** Tables for the reconciler. Entries come after the entries they refer to; attachments come last. */
export function datapathTables(
  targets: TableTargets,
): readonly ((tracking: Tracking) => TrackedTable<DesiredState>)[] {
  const { socket, maps, nft, attacher, sysctlMemory } = targets;
  const { settingsByLink, madeSettings, hasQueues } = targets;
  const counted = <Entry>(table: Table<Entry>): Table<Entry> =>
    countingChanges(table, maps.tableGeneration);
  const listing = neighbourListing(socket);
  return [
    track(contents.sysctls, sysctlTable(sysctlMemory, settingsByLink, madeSettings)),
    track(contents.links, linkTable(socket)),
    track(contents['link-addresses'], linkAddressTable(socket)),
    track(contents.limits, limitTable(socket, hasQueues)),
    track(contents.endpoints, counted(endpointMapTable(maps.endpoints))),
    track(contents.addresses, counted(addressMapTable(maps.addresses))),
    track(contents['routes-map'], counted(routeMapTable(maps.routes))),
    track(contents.underlay, counted(underlayTable(maps.underlay))),
    track(contents.routes, routeTable(socket)),
    track(contents.neighbours, neighbourTable(socket, listing)),
    track(contents['next-hops'], nextHopTable(socket, listing)),
    track(contents.nft, nftTable(nft)),
    track(contents.attachments, counted(attachmentTable(attacher))),
  ];
}

/** A table's contents, and the part of it that belongs to one endpoint. */
export interface Contents<Entry> {
  /** For one table: it follows what changes. */
  readonly make: () => StateContents<Entry>;
  /** Keys: CNI ADD fails if one of these entries cannot be written. */
  readonly ofEndpoint: (endpoint: LocalEndpoint) => readonly string[];
}

const keysOf =
  (entriesOf: (endpoint: LocalEndpoint) => EntryGroup<unknown>) =>
  (endpoint: LocalEndpoint): readonly string[] =>
    entriesOf(endpoint).map(([key]) => key);

const ofNode = (): readonly string[] => [];

/** By the table's name. A table is created only from its line here, so that none can omit its endpoints' entries. */
const contents = {
  sysctls: { make: sysctlContents, ofEndpoint: keysOf(sysctlEntriesOf) },
  links: { make: linkContents, ofEndpoint: ofNode },
  'link-addresses': { make: linkAddressContents, ofEndpoint: ofNode },
  limits: { make: limitContents, ofEndpoint: keysOf(limitEntriesOf) },
  endpoints: { make: endpointMapContents, ofEndpoint: keysOf(endpointMapEntriesOf) },
  addresses: { make: addressMapContents, ofEndpoint: keysOf(addressMapEntriesOf) },
  'routes-map': { make: routeMapContents, ofEndpoint: ofNode },
  underlay: { make: underlayContents, ofEndpoint: ofNode },
  routes: { make: routeContents, ofEndpoint: keysOf(routeEntriesOf) },
  neighbours: { make: neighbourContents, ofEndpoint: keysOf(neighbourEntriesOf) },
  'next-hops': { make: nextHopContents, ofEndpoint: ofNode },
  nft: { make: nftContents, ofEndpoint: nftKeysOf },
  attachments: { make: attachmentContents, ofEndpoint: keysOf(attachmentEntriesOf) },
} as const satisfies Readonly<Record<string, Contents<unknown>>>;

export const tableContents: Readonly<Record<string, Contents<unknown>>> = contents;

function track<Entry>(
  { make }: Contents<Entry>,
  table: Table<Entry> | TransactedTable<Entry>,
): (tracking: Tracking) => TrackedTable<DesiredState> {
  return trackTable(table, make());
}

/** The entries of one endpoint, so that CNI ADD and CHECK can find wrong ones. */
export function endpointEntryKeys(endpoint: LocalEndpoint): readonly EntryName[] {
  return Object.entries(tableContents).flatMap(([table, { ofEndpoint }]) =>
    ofEndpoint(endpoint).map((key) => ({ table, key })),
  );
}

/** Failed entries of one endpoint, as text; undefined: there are none. */
export function endpointFailures(
  endpoint: LocalEndpoint,
  failures: SettleReport['failures'],
): string | undefined {
  if (failures.length === 0) return undefined;
  const own = endpointEntryKeys(endpoint);
  const texts = failures
    .filter(({ table, key }) => own.some((entry) => entry.table === table && entry.key === key))
    .map(({ table, text }) => `${table}: ${text}`);
  return texts.length === 0 ? undefined : texts.join('; ');
}
