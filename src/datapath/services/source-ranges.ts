// Map `source_ranges`: clients that may use the load balancer's addresses of a Service's port.

import type {
  DesiredServices,
  PortSourceRanges,
} from '../../model/services/plan/desired-services.ts';
import { type Prefix, prefixAddress, prefixFamily, prefixLength } from '../../net/prefix.ts';
import type { DesiredContents, Keyed, Table } from '../../reconcile/table.ts';
import type { SourceRange, SourceRangeKey } from '../generated.ts';
import { bpfMapTable, type MapEntry, type WritableMap } from '../maps/map-table.ts';

export type SourceRangeEntry = MapEntry<SourceRangeKey, SourceRange>;

const allowed: SourceRange = { allowed: 1 };
const numberBits = 32;
/** Number of bits before an IPv4 address in the data path's 16-byte form. */
const mappedBits = 96;

export function sourceRangeContents(): DesiredContents<
  DesiredServices,
  SourceRangeEntry,
  PortSourceRanges
> {
  const entriesOf = ({ number, ranges }: PortSourceRanges) =>
    [...new Set(ranges)].map((range) => entryOf(number, range));
  return { groups: () => [], items: { of: ({ sourceRanges }) => sourceRanges, entriesOf } };
}

function entryOf(service: number, range: Prefix): Keyed<SourceRangeEntry> {
  const length = prefixLength(range) + (prefixFamily(range) === 4 ? mappedBits : 0);
  const key = { prefixLength: numberBits + length, service, address: prefixAddress(range) };
  return [show(key), { key, value: allowed }];
}

export function sourceRangeTable(
  map: WritableMap<SourceRangeKey, SourceRange>,
): Table<SourceRangeEntry> {
  return bpfMapTable({ name: 'service-ranges', map, sizeKey: 'services.rangeEntries', show });
}

/** `7 192.0.2.0/24` */
function show({ prefixLength: bits, service, address }: SourceRangeKey): string {
  const length = bits - numberBits - (address.includes(':') ? 0 : mappedBits);
  return `${service} ${address}/${length}`;
}
