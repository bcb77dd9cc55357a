// Many elements of a map in one bpf(2) call (kernel 5.6; LPM tries and per-CPU arrays 5.13). Where the kernel or the map
// type has no batches, `available` turns false at the first try and the map goes on element by element.

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

/** What one lookup brought: decode the elements now, the memory belongs to the next batch. */
export interface FoundBatch<K, V> {
  readonly count: number;
  decode(): [K, V][];
  /** Keys and values as they are, as a copy. */
  bytes(): Buffer;
}

const batchBytes = 512 * 1024;
const noEntry = -(errno['ENOENT'] ?? 0);
const noSpace = -(errno['ENOSPC'] ?? 0);
const notSupported = -(errno['ENOTSUPP'] ?? 0);
const invalid = -(errno['EINVAL'] ?? 0);

// Shared by all maps: a call is over before the next begins.
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

  /** False once a batch has been refused as such. */
  get available(): boolean {
    return this.#available;
  }

  /** Elements that go into one batch. */
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

  /** The kernel stops at a missing key (`result` ENOENT) and has counted those before it. */
  delete(deleted: readonly K[]): BatchResult {
    const { fd, key } = this.#map;
    const keys = keysMemory.atLeast(deleted.length * key.size);
    for (const [index, item] of deleted.entries()) key.encode(item, keys.view, index * key.size);
    return this.#call('mapDeleteBatch', { fd, keys, count: deleted.length });
  }

  /** Ends early, with `available` false, where there are no batches; `fail` throws for any other refusal. */
  *lookup(fail: (result: number) => void): IterableIterator<FoundBatch<K, V>> {
    const { fd, key, value } = this.#map;
    let count = this.size;
    // Where to go on, in the kernel's own terms: a bucket's number for hash maps, the last key for others. It is kept
    // here between batches because the loop that consumes this may look into other maps.
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
      bytes: () =>
        Buffer.concat([
          keys.bytes.subarray(0, count * key.size),
          values.bytes.subarray(0, count * value.size),
        ]),
    };
  }

  /** ENOTSUPP: this map type has none; EINVAL: the kernel has none, or it minds the request, as single calls will tell. */
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
