// The data path's maps for users: fill and contents.

import { setImmediate } from 'node:timers/promises';
import type { MapDump, MapEntryView, MapFill } from '../../api/maps.ts';
import type { TableView } from '../../api/status.ts';
import { isUnusedMap, type MapSet } from '../../datapath/load/map-set.ts';

/** Everything about a map except the types of its entries. */
interface AnyMap {
  readonly name: string;
  readonly maxEntries: number;
  entries(): Iterable<readonly [unknown, unknown]>;
}

// Maps whose number of entries the reconciler knows: table name by map name. An array is always full and would seem to
// lack room.
const tableOfMap: Readonly<Record<string, string>> = {
  endpoints: 'endpoints',
  addresses: 'addresses',
  routes: 'routes-map',
  frontends: 'service-frontends',
  lookups: 'service-lookups',
  source_ranges: 'service-ranges',
};

export interface MapFillSources {
  readonly maps: MapSet;
  tables(): readonly TableView[];
  /** Number at the last sweep. */
  flowEntries(): number | undefined;
}

/** Cheap: no map is walked. */
export function mapFill({ maps, tables, flowEntries }: MapFillSources): readonly MapFill[] {
  const applied = new Map(tables().map((table) => [table.name, table.applied]));
  const entriesOf = (name: string): number | undefined =>
    name === maps.flows.name ? flowEntries() : applied.get(tableOfMap[name] ?? '');
  return dumpable(maps).map(({ name, maxEntries }) => {
    const entries = entriesOf(name);
    return { name, maxEntries, ...(entries === undefined ? {} : { entries }) };
  });
}

/** At most `limit` entries; undefined if there is no such map. */
export async function dumpMap(
  maps: MapSet,
  name: string,
  limit: number,
): Promise<MapDump | undefined> {
  const map = dumpable(maps).find((candidate) => candidate.name === name);
  if (map === undefined) return undefined;
  const entries: MapEntryView[] = [];
  let truncated = false;
  for (const [key, value] of map.entries()) {
    truncated = entries.length >= limit;
    if (truncated) break;
    entries.push({ key, value });
    if (entries.length % 1000 === 0) await setImmediate();
  }
  return { name, maxEntries: map.maxEntries, entries, truncated };
}

// Those of Services only if they are in use.
function dumpable(maps: MapSet): readonly AnyMap[] {
  const all: readonly AnyMap[] = [
    maps.endpoints,
    maps.addresses,
    maps.routes,
    maps.underlay,
    maps.frontends,
    maps.slots,
    maps.lookups,
    maps.sourceRanges,
    maps.affinities,
    maps.connectedSockets,
    maps.datagrams,
    maps.tableGeneration,
    maps.flows,
    maps.endpointCounters,
    maps.dropCounters,
    maps.eventBudget,
  ];
  return all.filter(({ name, maxEntries }) => !isUnusedMap(name, maxEntries));
}
