// A BPF map as a table: all its entries are heddle's, because no other process writes it.

import type { BpfMap } from '../../kernel/bpf/map.ts';
import type { MapImage } from '../../kernel/bpf/map-image.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { EntryFailure, Keyed, Table } from '../../reconcile/table.ts';
import { sameFields } from '../same-fields.ts';
import { writeEach } from '../writes.ts';

export interface MapEntry<K, V extends object> {
  readonly key: K;
  readonly value: V;
}

/** The part of BpfMap that a table needs. */
export type WritableMap<K, V> = Pick<
  BpfMap<K, V>,
  'image' | 'entries' | 'set' | 'delete' | 'setBatch' | 'deleteBatch'
>;

export interface MapTableOptions<K, V extends object> {
  readonly name: string;
  readonly map: WritableMap<K, V>;
  /** The configuration key of the map's size; absent: the size is fixed. */
  readonly sizeKey?: string;
  /** The key as shown to users. */
  show(key: K): string;
  /** Absent: values are flat records. */
  equal?(left: V, right: V): boolean;
}

/** Bytes are compared before they are decoded, because usually almost nothing has changed. */
interface Listing<K, V extends object> {
  readonly image: MapImage<K, V>;
  /** In the order of the image. */
  readonly items: readonly Keyed<MapEntry<K, V>>[];
  readonly entries: ReadonlyMap<string, MapEntry<K, V>>;
}

export function bpfMapTable<K, V extends object>({
  name,
  map,
  sizeKey,
  show,
  equal = sameFields,
}: MapTableOptions<K, V>): Table<MapEntry<K, V>> {
  const key = (entry: MapEntry<K, V>): string => show(entry.key);
  let last: Listing<K, V> | undefined;
  return {
    name,
    key,
    equal: (left, right) => equal(left.value, right.value),
    list: (desired) => {
      const read = (entry: MapEntry<K, V>): Keyed<MapEntry<K, V>> => {
        const shown = show(entry.key);
        const wanted = desired.get(shown);
        // Large tables exist once in memory.
        return [shown, wanted !== undefined && equal(wanted.value, entry.value) ? wanted : entry];
      };
      const image = map.image();
      if (image === undefined)
        return new Map(Array.from(map.entries(), ([k, value]) => read({ key: k, value })));
      if (last !== undefined && image.equals(last.image)) return last.entries;
      const places = last && image.placesIn(last.image);
      const items = Array.from({ length: image.count }, (_, index) => {
        const known = last?.items[places?.[index] ?? -1];
        return known ?? read({ key: image.key(index), value: image.value(index) });
      });
      last = { image, items, entries: new Map(items) };
      return last.entries;
    },
    set: (entries) => {
      try {
        map.setBatch(entries.map((entry) => [entry.key, entry.value] as const));
        return [];
      } catch {
        // A batch stops at the first entry it cannot set without naming it: retry one by one.
        return setEach(entries);
      }
    },
    delete: (entries) => {
      try {
        map.deleteBatch(entries.map((entry) => entry.key));
        return [];
      } catch {
        return writeEach(entries, { key, write: (entry) => void map.delete(entry.key) });
      }
    },
  };

  function setEach(entries: readonly MapEntry<K, V>[]): readonly EntryFailure[] {
    const write = (entry: MapEntry<K, V>): void => {
      try {
        map.set(entry.key, entry.value);
      } catch (error) {
        throw namingSize(error, sizeKey);
      }
    };
    return writeEach(entries, { key, write });
  }
}

/** The error of a write, with the configuration key of the map's size if the map is full. */
export function namingSize(error: unknown, sizeKey: string | undefined): unknown {
  if (sizeKey === undefined || !isFull(error)) return error;
  return new Error(`${error.message}: raise ${sizeKey} in the configuration`, { cause: error });
}

// A hash returns E2BIG, a trie ENOSPC.
function isFull(error: unknown): error is Error {
  return isKernelError(error, 'E2BIG', 'ENOSPC');
}
