// Handles many elements of a map in one bpf(2) call (kernel 5.6; LPM tries and per-CPU arrays 5.13). If the kernel or
// the map type does not support batches, `available` becomes false at the first attempt, and the map continues element
// by element.

import type { Codec } from '../codec.ts';
import { errno } from '../errno.ts';
import { GrowingMemory, type Memory } from '../memory.ts';
import type { BatchRequest, BatchResult, MapCalls } from './map-calls.ts';

export interface BatchedMap<K, V> {
  readonly fd: number;
  readonly maxEntries: number;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
  readonly calls: MapCalls;
}

/** Elements found by one lookup. Decode them immediately: the memory is reused for the next batch. */
export interface FoundBatch<K, V> {
  readonly count: number;
  decode(): [K, V][];
  /** Copies, as bytes. */
  keys(): Buffer;
  values(): Buffer;
}

const batchBytes = 512 * 1024;
const noEntry = -(errno['ENOENT'] ?? 0);
const noSpace = -(errno['ENOSPC'] ?? 0);
const notSupported = -(errno['ENOTSUPP'] ?? 0);
const invalid = -(errno['EINVAL'] ?? 0);

// Shared by all maps: one call ends before the next begins.
const keysMemory = new GrowingMemory();
const valuesMemory = new GrowingMemory();
const fromMemory = new GrowingMemory();
const toMemory = new GrowingMemory();

export class MapBatches<K, V> {
  readonly #map: BatchedMap<K, V>;
  #available = true;

  constructor(map: BatchedMap<K, V>) {
    this.#map = map;
  }

  /** False after the kernel has refused a batch. */
  get available(): boolean {
    return this.#available;
  }

  /** Maximum number of elements in one batch. */
  get size(): number {
    const { key, value, maxEntries } = this.#map;
    return Math.max(1, Math.min(maxEntries, Math.floor(batchBytes / (key.size + value.size))));
  }

  /** `result` ENOTSUPP or EINVAL: see `available`. */
  update(entries: readonly (readonly [K, V])[]): BatchResult {
    const { fd, key, value } = this.#map;
    const keys = keysMemory.atLeast(entries.length * key.size);
    const values = valuesMemory.atLeast(entries.length * value.size);
    for (const [index, [entryKey, entryValue]] of entries.entries()) {
      key.encode(entryKey, keys.view, index * key.size);
      value.encode(entryValue, values.view, index * value.size);
    }
    return this.#call('mapUpdateBatch', { fd, keys, values, count: entries.length });
  }

  /** The kernel stops at a missing key (`result` ENOENT); `count` is the number of elements before it. */
  delete(deleted: readonly K[]): BatchResult {
    const { fd, key } = this.#map;
    const keys = keysMemory.atLeast(deleted.length * key.size);
    for (const [index, item] of deleted.entries()) key.encode(item, keys.view, index * key.size);
    return this.#call('mapDeleteBatch', { fd, keys, count: deleted.length });
  }

  /** Ends early, with `available` false, if batches are not supported. `fail` throws for any other error. */
  *lookup(fail: (result: number) => void): IterableIterator<FoundBatch<K, V>> {
    const { fd, key, value } = this.#map;
    let count = this.size;
    // Position for the next batch, in the kernel's terms: a bucket number for hash maps, the last key for others.
    // Copied between batches, because the consuming loop may read other maps.
    let place: Uint8Array | undefined;
    const placeSize = Math.max(8, key.size);
    for (;;) {
      const keys = keysMemory.atLeast(count * key.size);
      const values = valuesMemory.atLeast(count * value.size);
      const to = toMemory.atLeast(placeSize);
      const position = { from: place && copyInto(fromMemory.atLeast(placeSize), place), to };
      const found = this.#call('mapLookupBatch', { fd, keys, values, count, position });
      if (!this.#available) return;
      if (found.result === noSpace) {
        count *= 2; // one bucket holds more than the batch
        continue;
      }
      const isLast = found.result === noEntry;
      if (!isLast) fail(found.result);
      place = to.bytes.slice(0, placeSize);
      if (found.count > 0) yield this.#found(found.count, keys, values);
      if (isLast) return;
    }
  }

  #found(count: number, keys: Memory, values: Memory): FoundBatch<K, V> {
    const { key, value } = this.#map;
    const entry = (_: unknown, index: number): [K, V] => [
      key.decode(keys.view, index * key.size),
      value.decode(values.view, index * value.size),
    ];
    return {
      count,
      decode: () => Array.from({ length: count }, entry),
      keys: () => Buffer.from(keys.bytes.subarray(0, count * key.size)),
      values: () => Buffer.from(values.bytes.subarray(0, count * value.size)),
    };
  }

  /**
   * ENOTSUPP: not for this map type. EINVAL: not in this kernel, or the request is invalid, which single calls will
   * show.
   */
  #call(
    command: 'mapLookupBatch' | 'mapUpdateBatch' | 'mapDeleteBatch',
    request: BatchRequest,
  ): BatchResult {
    const done = this.#map.calls.batch(command, request);
    if (done.result === notSupported || done.result === invalid) this.#available = false;
    return done;
  }
}

function copyInto(memory: Memory, bytes: Uint8Array): Memory {
  memory.bytes.set(bytes);
  return memory;
}
