// Map `routes`: where a pod range is, longest match. Asked for addresses that are not in `addresses`.

import { unreachable } from '../../base/exhaustive.ts';
import { memoize, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, PodRange, RemoteRange } from '../../model/desired.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import { type Prefix, prefixAddress, prefixFamily, prefixLength } from '../../net/prefix.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { type Route, type RouteKey, routeKind } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './bpf-map-table.ts';

export type RouteMapEntry = MapEntry<RouteKey, Route>;

const noAddress = parseAddress('::');
/** Bits before an IPv4 address in the data path's 16-byte form. */
const mappedBits = 96;

export function routeMapEntries(desired: DesiredState): readonly EntryGroup<RouteMapEntry>[] {
  const { podRanges, remoteRanges, overlay, pathMtuBytes } = desired;
  const toEntries = remoteEntries(overlay?.ifIndex, overlay?.vni, pathMtuBytes);
  return entries(podRanges, remoteRanges, toEntries);
}

const entries = memoizeLast(
  (
    podRanges: readonly PodRange[],
    remoteRanges: readonly RemoteRange[],
    toEntries: (range: RemoteRange) => EntryGroup<RouteMapEntry>,
  ): readonly EntryGroup<RouteMapEntry>[] => [
    [...podRanges.map(localEntry), ...remoteRanges.flatMap(toEntries)],
  ],
);

function localEntry({ prefix }: PodRange): Keyed<RouteMapEntry> {
  return keyed(prefix, { kind: routeKind.local, ifindex: 0, nextHop: noAddress, mtu: 0, vni: 0 });
}

// None for an overlay whose device is not there yet. A range that did not change keeps its entry.
const remoteEntries = memoizeLast(
  (
    overlay: IfIndex | undefined,
    vni: number | undefined,
    mtu: number,
  ): ((range: RemoteRange) => EntryGroup<RouteMapEntry>) =>
    memoize(({ prefix, path }) => {
      switch (path.kind) {
        case 'native': {
          const { ifIndex: ifindex, nextHop } = path;
          return [keyed(prefix, { kind: routeKind.native, ifindex, nextHop, mtu, vni: 0 })];
        }
        case 'overlay': {
          if (overlay === undefined || vni === undefined) return [];
          const nextHop = path.tunnelEndpoint;
          const route = { kind: routeKind.overlay, ifindex: overlay, nextHop, mtu, vni };
          return [keyed(prefix, route)];
        }
        default:
          return unreachable(path);
      }
    }),
);

function keyed(prefix: Prefix, value: Route): Keyed<RouteMapEntry> {
  const mapped = prefixFamily(prefix) === 4 ? mappedBits : 0;
  const key = { prefixLength: prefixLength(prefix) + mapped, address: prefixAddress(prefix) };
  return [prefix, { key, value }];
}

export function routeMapTable(map: WritableMap<RouteKey, Route>): Table<RouteMapEntry> {
  return bpfMapTable({ name: 'routes-map', map, sizeKey: 'routeEntries', show });
}

function show({ address, prefixLength: bits }: RouteKey): string {
  return `${address}/${address.includes(':') ? bits : bits - mappedBits}`;
}
