// The data path's maps for the agent: open, typed, sized by configuration.

import { UndoStack } from '../../base/undo.ts';
import { BpfMap, type MapSpec } from '../../kernel/bpf/map.ts';
import { PerCpuMap, type PerCpuMapSpec } from '../../kernel/bpf/per-cpu-map.ts';
import { RingBuffer } from '../../kernel/bpf/ring-buffer.ts';
import type { Address } from '../../net/address.ts';
import {
  type Affinity,
  type AffinityKey,
  type ConnectedSocket,
  type DatagramEntry,
  type DatagramKey,
  type DropCounter,
  type Endpoint,
  type EndpointCounters,
  type EndpointKey,
  type EventBudget,
  type Flow,
  type FlowEvent,
  type FlowKey,
  type Location,
  type LookupBlock,
  maps,
  type Route,
  type RouteKey,
  rings,
  type ServiceEntry,
  type ServiceKey,
  type Slot,
  type SlotKey,
  type SourceRange,
  type SourceRangeKey,
  type Underlay,
} from '../generated.ts';
import type { PinPaths } from './pins.ts';

/** Sizes of the maps with a configurable size. */
export interface MapSizes {
  readonly endpointEntries: number;
  readonly addressEntries: number;
  readonly routeEntries: number;
  readonly flowEntries: number;
  /** Absent: the object's sizes. */
  readonly services?: ServiceMapSizes | undefined;
}

export interface ServiceMapSizes {
  readonly frontendEntries: number;
  readonly slotEntries: number;
  readonly rangeEntries: number;
  readonly lookupTables: number;
  readonly affinityEntries: number;
}

/**
 * Number of entries per map, by its name in C; other maps have the object's size. Without `services` the maps of
 * Services are as small as a map can be: the programs refer to them, but nothing is in them.
 */
export function maxEntries(sizes: MapSizes, services = false): ReadonlyMap<string, number> {
  const { frontends, slots, lookups, sourceRanges, affinities, connectedSockets, datagrams } = maps;
  const lookupEntries =
    sizes.services === undefined
      ? lookups.maxEntries
      : entriesPerTable * sizes.services.lookupTables;
  const { frontendEntries, slotEntries, rangeEntries, affinityEntries } = sizes.services ?? {
    frontendEntries: frontends.maxEntries,
    slotEntries: slots.maxEntries,
    rangeEntries: sourceRanges.maxEntries,
    affinityEntries: affinities.maxEntries,
  };
  return new Map([
    [frontends.name, services ? frontendEntries : unused],
    [slots.name, services ? slotEntries : unused],
    [lookups.name, services ? lookupEntries : unused],
    [sourceRanges.name, services ? rangeEntries : unused],
    [affinities.name, services ? affinityEntries : unused],
    [connectedSockets.name, services ? connectedSockets.maxEntries : unused],
    [datagrams.name, services ? datagrams.maxEntries : unused],
    [maps.endpoints.name, sizes.endpointEntries],
    [maps.addresses.name, sizes.addressEntries],
    [maps.routes.name, sizes.routeEntries],
    [maps.flows.name, sizes.flowEntries],
    // Endpoint ids start at 1.
    [maps.endpointCounters.name, sizes.endpointEntries + 1],
  ]);
}

const unused = 1;

/** The object's size is for 256 tables, each beside that of the list that it replaces. */
const entriesPerTable = maps.lookups.maxEntries / 256;

/** Whether a map of that size is one of Services, which are not translated: its entries are of no use. */
export function isUnusedMap(name: string, entries: number): boolean {
  const { frontends, slots, lookups, sourceRanges, affinities, connectedSockets, datagrams } = maps;
  const all = [frontends, slots, lookups, sourceRanges, affinities, connectedSockets, datagrams];
  return entries === unused && all.some((map) => map.name === name);
}

/** The configuration key of a map's size, by its name in C. */
export const configurationKeys: ReadonlyMap<string, string> = new Map([
  [maps.endpoints.name, 'endpointEntries'],
  [maps.addresses.name, 'addressEntries'],
  [maps.routes.name, 'routeEntries'],
  [maps.flows.name, 'flowEntries'],
  [maps.endpointCounters.name, 'endpointEntries'],
  [maps.frontends.name, 'services.frontendEntries'],
  [maps.slots.name, 'services.slotEntries'],
  [maps.lookups.name, 'services.lookupTables'],
  [maps.sourceRanges.name, 'services.rangeEntries'],
  [maps.affinities.name, 'services.affinityEntries'],
]);

export interface MapSet extends Disposable {
  readonly endpoints: BpfMap<EndpointKey, Endpoint>;
  readonly addresses: BpfMap<Address, Location>;
  readonly routes: BpfMap<RouteKey, Route>;
  readonly underlay: BpfMap<number, Underlay>;
  readonly frontends: BpfMap<ServiceKey, ServiceEntry>;
  readonly slots: BpfMap<SlotKey, Slot>;
  readonly lookups: BpfMap<SlotKey, LookupBlock>;
  readonly sourceRanges: BpfMap<SourceRangeKey, SourceRange>;
  readonly affinities: BpfMap<AffinityKey, Affinity>;
  readonly connectedSockets: BpfMap<number, ConnectedSocket>;
  readonly datagrams: BpfMap<DatagramKey, DatagramEntry>;
  readonly tableGeneration: BpfMap<number, number>;
  readonly flows: BpfMap<FlowKey, Flow>;
  readonly endpointCounters: PerCpuMap<number, EndpointCounters>;
  readonly dropCounters: PerCpuMap<number, DropCounter>;
  readonly eventBudget: PerCpuMap<number, EventBudget>;
  readonly flowEvents: RingBuffer<FlowEvent>;
}

/** Opens every pinned map. Throws KernelError. */
export function openMaps(paths: PinPaths): MapSet {
  const opened = new UndoStack();
  const plain = <K, V>(spec: MapSpec<K, V>): BpfMap<K, V> =>
    opened.use(BpfMap.openPinned(paths.map(spec.name), spec));
  const perCpu = <V>(spec: PerCpuMapSpec<number, V>): PerCpuMap<number, V> =>
    opened.use(PerCpuMap.openPinned(paths.map(spec.name), spec));
  const { flowEvents } = rings;
  try {
    return {
      endpoints: plain(maps.endpoints),
      addresses: plain(maps.addresses),
      routes: plain(maps.routes),
      underlay: plain(maps.underlay),
      frontends: plain(maps.frontends),
      slots: plain(maps.slots),
      lookups: plain(maps.lookups),
      sourceRanges: plain(maps.sourceRanges),
      affinities: plain(maps.affinities),
      connectedSockets: plain(maps.connectedSockets),
      datagrams: plain(maps.datagrams),
      tableGeneration: plain(maps.tableGeneration),
      flows: plain(maps.flows),
      endpointCounters: perCpu(maps.endpointCounters),
      dropCounters: perCpu(maps.dropCounters),
      eventBudget: perCpu(maps.eventBudget),
      flowEvents: opened.use(RingBuffer.openPinned(paths.map(flowEvents.name), flowEvents)),
      [Symbol.dispose]: () => opened[Symbol.dispose](),
    };
  } catch (error) {
    opened[Symbol.dispose]();
    throw error;
  }
}
