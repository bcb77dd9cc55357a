// Map `routes`: locations of pod ranges by longest match, and in mode vxlan addresses of other nodes. Used for
// addresses that are not in `addresses`.

import { unreachable } from '../../base/exhaustive.ts';
import { memoize, memoizeLast } from '../../base/memoize.ts';
import type { DesiredState, PodRange, RemoteNode, RemoteRange } from '../../model/desired.ts';
import { parseAddress } from '../../net/address.ts';
import type { IfIndex } from '../../net/if-index.ts';
import {
  hostPrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../../net/prefix.ts';
import type { EntryGroup, Keyed, Table } from '../../reconcile/table.ts';
import { type Route, type RouteKey, routeKind } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type RouteMapEntry = MapEntry<RouteKey, Route>;

const noAddress = parseAddress('::');
/** Number of bits before an IPv4 address in the data path's 16-byte form. */
const mappedBits = 96;

export function routeMapEntries(desired: DesiredState): readonly EntryGroup<RouteMapEntry>[] {
  const { podRanges, remoteRanges, remoteNodes, overlay, pathMtuBytes } = desired;
  const toEntries = remoteEntries(overlay?.ifIndex, overlay?.vni, pathMtuBytes);
  return entries(podRanges, remoteRanges, toEntries).concat(nodeEntries(remoteNodes, overlay?.vni));
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

// Values of fields that a kind does not use.
const unset: Omit<Route, 'kind'> = {
  ...{ ifindex: 0, nextHop: noAddress, mtu: 0, vni: 0, otherIfindex: [0, 0, 0] },
};

function localEntry({ prefix }: PodRange): Keyed<RouteMapEntry> {
  return keyed(prefix, { ...unset, kind: routeKind.local });
}

const nodeEntries = memoizeLast(
  (nodes: readonly RemoteNode[], vni: number | undefined): readonly EntryGroup<RouteMapEntry>[] =>
    nodes.length === 0 ? [] : [nodes.map(nodeEntry(vni ?? 0))],
);

const nodeEntry = memoizeLast((vni: number) =>
  memoize(
    ({ address, tunnelEndpoint = noAddress }: RemoteNode): Keyed<RouteMapEntry> =>
      keyed(hostPrefix(address), { ...unset, kind: routeKind.node, nextHop: tunnelEndpoint, vni }),
  ),
);

// None for an overlay whose device does not exist yet. An unchanged range keeps its entry.
const remoteEntries = memoizeLast(
  (
    overlay: IfIndex | undefined,
    vni: number | undefined,
    mtu: number,
  ): ((range: RemoteRange) => EntryGroup<RouteMapEntry>) =>
    memoize(({ prefix, path }) => {
      switch (path.kind) {
        case 'native': {
          const { ifIndex: ifindex, nextHop, otherIfIndexes = [], byStack } = path;
          const kind = byStack ? routeKind.stack : routeKind.native;
          const [first = 0, second = 0, third = 0] = otherIfIndexes;
          const otherIfindex = [first, second, third] as const;
          const route = { ...unset, kind, ifindex, nextHop, mtu, otherIfindex };
          return [keyed(prefix, route)];
        }
        case 'overlay': {
          if (overlay === undefined || vni === undefined) return [];
          const nextHop = path.tunnelEndpoint;
          const route = { ...unset, kind: routeKind.overlay, ifindex: overlay, nextHop, mtu, vni };
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
