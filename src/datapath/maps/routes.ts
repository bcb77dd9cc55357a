// Map `routes`: locations of pod ranges by longest match, and in mode vxlan addresses of other nodes. Used for
// addresses that are not in `addresses`.

import { unreachable } from '../../base/exhaustive.ts';
import { memoize, memoizeLast } from '../../base/memoize.ts';
import type { PodRange, RemoteNode, RemoteRange } from '../../model/desired.ts';
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
import type { StateContents } from '../contents.ts';
import { type Route, type RouteKey, routeKind } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from './map-table.ts';

export type RouteMapEntry = MapEntry<RouteKey, Route>;

const noAddress = parseAddress('::');
/** Number of bits before an IPv4 address in the data path's 16-byte form. */
const mappedBits = 96;

export function routeMapContents(): StateContents<RouteMapEntry> {
  const ofRange = memoizeLast(remoteEntries);
  const ofRanges = memoizeLast(
    (
      podRanges: readonly PodRange[],
      remoteRanges: readonly RemoteRange[],
      toEntries: (range: RemoteRange) => EntryGroup<RouteMapEntry>,
    ): EntryGroup<RouteMapEntry> => [
      ...podRanges.map(localEntry),
      ...remoteRanges.flatMap(toEntries),
    ],
  );
  const ofNode = memoizeLast(nodeEntry);
  const ofNodes = memoizeLast((nodes: readonly RemoteNode[], vni: number) =>
    nodes.map(ofNode(vni)),
  );
  return {
    groups: ({ podRanges, remoteRanges, remoteNodes, overlay, pathMtuBytes }) => [
      ofRanges(podRanges, remoteRanges, ofRange(overlay?.ifIndex, overlay?.vni, pathMtuBytes)),
      ofNodes(remoteNodes, overlay?.vni ?? 0),
    ],
  };
}

// Values of fields that a kind does not use.
const unset: Omit<Route, 'kind'> = {
  ...{ ifindex: 0, nextHop: noAddress, mtu: 0, vni: 0, otherIfindex: [0, 0, 0] },
};

function localEntry({ prefix }: PodRange): Keyed<RouteMapEntry> {
  return keyed(prefix, { ...unset, kind: routeKind.local });
}

// A node or range that did not change keeps its entry.
function nodeEntry(vni: number): (node: RemoteNode) => Keyed<RouteMapEntry> {
  return memoize(({ address, tunnelEndpoint = noAddress }) =>
    keyed(hostPrefix(address), { ...unset, kind: routeKind.node, nextHop: tunnelEndpoint, vni }),
  );
}

// None for an overlay whose device is not there yet.
function remoteEntries(
  overlay: IfIndex | undefined,
  vni: number | undefined,
  mtu: number,
): (range: RemoteRange) => EntryGroup<RouteMapEntry> {
  return memoize(({ prefix, path }) => {
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
  });
}

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
