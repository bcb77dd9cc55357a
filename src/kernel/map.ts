// A typed BPF map: keys and values go through codecs whose sizes are checked against the kernel's when the map is opened.
// Big sets, deletes and reads go out in batches (kernel 5.6; 5.13 for LPM tries), one by one where the kernel lacks them.

import { bpfChecked, openById } from './bpf.ts';
import type { Codec } from './codec.ts';
import { errno, KernelError } from './errno.ts';
import { type BatchRequest, type MapCalls, mapCalls } from './map-calls.ts';
import { type MapType, mapTypeFromNumber, mapTypes } from './map-type.ts';
import { GrowingMemory, type Memory } from './memory.ts';

export interface MapSpec<K, V> {
  readonly name: string;
  readonly type: MapType;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
  readonly maxEntries: number;
}

export interface MapCreateOptions {
  /** BPF_F_* of uapi linux/bpf.h; LPM tries always get BPF_F_NO_PREALLOC, which the kernel demands. */
  readonly flags?: number;
  /** For maps of maps: a map of the inner kind, as a pattern. */
  readonly innerFd?: number;
  readonly calls?: MapCalls;
}

export interface MapOpenOptions {
  readonly calls?: MapCalls;
  /** The value's size as the kernel tells it, where the codec covers more than that (one slot a CPU). */
  readonly kernelValueSize?: number;
}

/** Whether `set` may create the entry, may replace it, or both. */
export type SetMode = 'any' | 'create' | 'replace';

const setFlags: Readonly<Record<SetMode, number>> = { any: 0, create: 1, replace: 2 };
const noPreallocation = 1;

// Shared by all maps: a call is over before the next begins, and iterators decode a whole batch before they yield.
const scratch = {
  key: new GrowingMemory(),
  nextKey: new GrowingMemory(),
  value: new GrowingMemory(),
  keys: new GrowingMemory(),
  values: new GrowingMemory(),
};
const batchBytes = 512 * 1024;

/** Owns its descriptor. Minimum kernel: see `mapTypes`. */
export class BpfMap<K, V> implements Disposable {
  readonly name: string;
  readonly fd: number;
  readonly type: MapType;
  /** The kernel's identifier, unique on the machine while the map lives. */
  readonly id: number;
  /** As the kernel has it, which may differ from the spec's. */
  readonly maxEntries: number;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  readonly #calls: MapCalls;
  #batches = true;
  #open = true;

  private constructor(fd: number, spec: MapSpec<K, V>, options: MapOpenOptions) {
    this.#calls = options.calls ?? mapCalls;
    const info = this.#calls.info(fd);
    this.fd = fd;
    this.name = spec.name;
    this.type = spec.type;
    this.id = info.id;
    this.maxEntries = info.maxEntries;
    this.#key = spec.key;
    this.#value = spec.value;
    this.#require('type', spec.type, mapTypeFromNumber(info.typeNumber) ?? String(info.typeNumber));
    this.#require('key size', spec.key.size, info.keySize);
    this.#require('value size', options.kernelValueSize ?? spec.value.size, info.valueSize);
  }

  /** Equivalent to: `bpftool map create`. */
  static create<K, V>(spec: MapSpec<K, V>, options: MapCreateOptions = {}): BpfMap<K, V> {
    const { calls = mapCalls, flags = 0, innerFd } = options;
    const { number, minimumKernel } = mapTypes[spec.type];
    const fd = calls.create({
      name: spec.name,
      typeNumber: number,
      keySize: spec.key.size,
      valueSize: spec.value.size,
      maxEntries: spec.maxEntries,
      flags: spec.type === 'lpm_trie' ? flags | noPreallocation : flags,
      ...(innerFd === undefined ? {} : { innerFd }),
    });
    const detail = `a ${spec.type} map needs Linux ${minimumKernel}`;
    bpfChecked(fd, { call: 'bpf map create', subject: spec.name, detail });
    return BpfMap.fromFd(fd, spec, { calls });
  }

  /** Throws KernelError ENOENT when nothing is pinned there, EINVAL when the pinned map has another shape. */
  static openPinned<K, V>(
    path: string,
    spec: MapSpec<K, V>,
    options: MapOpenOptions = {},
  ): BpfMap<K, V> {
    const fd = (options.calls ?? mapCalls).openPinned(path);
    return BpfMap.fromFd(bpfChecked(fd, { call: 'bpf map open', subject: path }), spec, options);
  }

  static openById<K, V>(id: number, spec: MapSpec<K, V>): BpfMap<K, V> {
    return BpfMap.fromFd(openById('map', id), spec);
  }

  /** Takes the descriptor over, also when it throws because the map has another shape (KernelError EINVAL). */
  static fromFd<K, V>(fd: number, spec: MapSpec<K, V>, options: MapOpenOptions = {}): BpfMap<K, V> {
    try {
      return new BpfMap(fd, spec, options);
    } catch (error) {
      (options.calls ?? mapCalls).close(fd);
      throw error;
    }
  }

  /** Array slots are always there; elsewhere undefined means no entry. */
  get(key: K): V | undefined {
    const value = scratch.value.atLeast(this.#value.size);
    const request = { fd: this.fd, key: this.#encodeKey(key), value };
    const result = this.#calls.element('mapLookup', request);
    if (result === -errnoNoEntry) return undefined;
    this.#check(result, 'lookup');
    return this.#value.decode(value.view, 0);
  }

  /** Throws KernelError E2BIG when the map is full, EEXIST and ENOENT as `mode` forbids. */
  set(key: K, value: V, mode: SetMode = 'any'): void {
    const memory = scratch.value.atLeast(this.#value.size);
    this.#value.encode(value, memory.view, 0);
    const request = {
      fd: this.fd,
      key: this.#encodeKey(key),
      value: memory,
      flags: setFlags[mode],
    };
    this.#check(this.#calls.element('mapUpdate', request), 'update');
  }

  /** False: there was no such entry. Throws KernelError EINVAL on arrays, whose slots stay. */
  delete(key: K): boolean {
    const result = this.#calls.element('mapDelete', { fd: this.fd, key: this.#encodeKey(key) });
    if (result === -errnoNoEntry) return false;
    this.#check(result, 'delete');
    return true;
  }

  /**
   * Every entry, in the kernel's order. Entries that come or go meanwhile may be missed; each is decoded before it is
   * yielded, so the loop may change the map.
   */
  *entries(): IterableIterator<[K, V]> {
    if (this.#batches) {
      for (const batch of this.#lookupBatches((count, keys, values) =>
        this.#decodeBatch(count, keys, values),
      )) {
        yield* batch;
      }
      if (this.#batches) return;
    }
    for (const key of this.#keysOneByOne()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /** How many entries there are now; the slots of an array. */
  count(): number {
    if (this.type === 'array' || this.type === 'percpu_array') return this.maxEntries;
    let total = 0;
    if (this.#batches) {
      for (const count of this.#lookupBatches((found) => found)) total += count;
      if (this.#batches) return total;
    }
    return this.#keysOneByOne().length;
  }

  /** All or the first few: where one is refused, those before it are set and the error says how many. */
  setBatch(entries: readonly (readonly [K, V])[]): void {
    for (let done = 0; done < entries.length; ) {
      const part = this.#batches ? entries.slice(done, done + this.#batchSize()) : [];
      if (part.length === 0) {
        for (const [key, value] of entries.slice(done)) this.set(key, value);
        return;
      }
      const { result, count } = this.#batch('mapUpdateBatch', part);
      if (this.#lacksBatches(result)) continue;
      const progress = `${done + count} of ${entries.length} entries were set`;
      this.#check(result, 'update batch', progress);
      done += part.length;
    }
  }

  /** How many there were to delete; missing keys are passed over. */
  deleteBatch(keys: readonly K[]): number {
    let deleted = 0;
    for (let done = 0; done < keys.length; ) {
      if (!this.#batches) {
        for (const key of keys.slice(done)) deleted += this.delete(key) ? 1 : 0;
        return deleted;
      }
      const part = keys.slice(done, done + this.#batchSize());
      const { result, count } = this.#batch(
        'mapDeleteBatch',
        part.map((key) => [key] as const),
      );
      if (this.#lacksBatches(result)) continue;
      if (result !== -errnoNoEntry) this.#check(result, 'delete batch');
      // The kernel stops at a missing key and has counted those before it.
      done += result === -errnoNoEntry ? count + 1 : part.length;
      deleted += count;
    }
    return deleted;
  }

  /** Keeps the map alive under a path in bpffs. Throws KernelError EEXIST when the path is taken. */
  pin(path: string): void {
    bpfChecked(this.#calls.pin(this.fd, path), { call: 'bpf map pin', subject: path });
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#calls.close(this.fd);
    this.#open = false;
  }

  #encodeKey(key: K): Memory {
    const memory = scratch.key.atLeast(this.#key.size);
    this.#key.encode(key, memory.view, 0);
    return memory;
  }

  #batchSize(): number {
    const perBatch = Math.floor(batchBytes / (this.#key.size + this.#value.size));
    return Math.max(1, Math.min(this.maxEntries, perBatch));
  }

  #batch(
    command: 'mapUpdateBatch' | 'mapDeleteBatch',
    part: readonly (readonly [K, V?])[],
  ): { result: number; count: number } {
    const keys = scratch.keys.atLeast(part.length * this.#key.size);
    const values = scratch.values.atLeast(part.length * this.#value.size);
    for (const [index, [key, value]] of part.entries()) {
      this.#key.encode(key, keys.view, index * this.#key.size);
      if (value !== undefined) this.#value.encode(value, values.view, index * this.#value.size);
    }
    const request: BatchRequest = { fd: this.fd, keys, count: part.length };
    return this.#calls.batch(
      command,
      command === 'mapUpdateBatch' ? { ...request, values } : request,
    );
  }

  /** Yields what `take` makes of each batch; ends early, with `#batches` cleared, where the kernel has none. */
  *#lookupBatches<Taken>(
    take: (count: number, keys: Memory, values: Memory) => Taken,
  ): IterableIterator<Taken> {
    let size = this.#batchSize();
    // Where to go on, in the kernel's own terms: a bucket's number for hash maps, the last key for others. It is kept
    // here between batches because the loop that consumes this may look into other maps.
    let position: Uint8Array | undefined;
    const positionSize = Math.max(8, this.#key.size);
    for (;;) {
      const keys = scratch.keys.atLeast(size * this.#key.size);
      const values = scratch.values.atLeast(size * this.#value.size);
      const from = scratch.key.atLeast(positionSize);
      const to = scratch.nextKey.atLeast(positionSize);
      if (position !== undefined) from.bytes.set(position);
      const start = position === undefined ? undefined : from;
      const request = { fd: this.fd, keys, values, count: size, position: { from: start, to } };
      const { result, count } = this.#calls.batch('mapLookupBatch', request);
      if (result === -errnoNoSpace) {
        size *= 2; // one bucket holds more than the batch
        continue;
      }
      if (this.#lacksBatches(result)) return;
      if (result !== -errnoNoEntry) this.#check(result, 'lookup batch');
      position = to.bytes.slice(0, positionSize);
      if (count > 0) yield take(count, keys, values);
      if (result === -errnoNoEntry) return;
    }
  }

  #decodeBatch(count: number, keys: Memory, values: Memory): [K, V][] {
    return Array.from({ length: count }, (_, index) => [
      this.#key.decode(keys.view, index * this.#key.size),
      this.#value.decode(values.view, index * this.#value.size),
    ]);
  }

  /** All keys first: from a key that was deleted meanwhile the kernel would start over. */
  #keysOneByOne(): K[] {
    const found: K[] = [];
    let key: Memory | undefined;
    while (found.length < 2 * this.maxEntries) {
      const next = scratch.nextKey.atLeast(this.#key.size);
      const result = this.#calls.element('mapNextKey', { fd: this.fd, key, value: next });
      if (result === -errnoNoEntry) break;
      this.#check(result, 'next key');
      found.push(this.#key.decode(next.view, 0));
      key = scratch.key.atLeast(this.#key.size);
      key.bytes.set(next.bytes.subarray(0, this.#key.size));
    }
    return found;
  }

  /** ENOTSUPP: this map type has no batches; EINVAL: the kernel has none, or it minds the request, as single calls will tell. */
  #lacksBatches(result: number): boolean {
    const lacks = result === -errnoNotSupported || result === -errnoInvalid;
    if (lacks) this.#batches = false;
    return lacks;
  }

  #check(result: number, verb: string, progress?: string): void {
    if (result >= 0) return;
    const reason = this.#reasonFor(result);
    const detail = [reason, progress].filter((text) => text !== undefined).join('; ');
    bpfChecked(result, {
      call: `bpf map ${verb}`,
      subject: this.name,
      detail: detail === '' ? undefined : detail,
    });
  }

  #reasonFor(result: number): string | undefined {
    const full = result === -errnoTooBig || result === -errnoNoSpace;
    if (!full) return undefined;
    const isArray = this.type === 'array' || this.type === 'percpu_array';
    return isArray
      ? `the index is beyond its ${this.maxEntries} slots`
      : `the map is full: ${this.maxEntries} entries`;
  }

  #require(what: string, expected: string | number, found: string | number): void {
    if (expected === found) return;
    const detail = `its ${what} is ${found}, expected ${expected}`;
    throw new KernelError({ call: 'bpf map open', subject: this.name, code: 'EINVAL', detail });
  }
}

const errnoNoEntry = errno['ENOENT'] ?? 0;
const errnoNoSpace = errno['ENOSPC'] ?? 0;
const errnoInvalid = errno['EINVAL'] ?? 0;
const errnoTooBig = errno['E2BIG'] ?? 0;
const errnoNotSupported = errno['ENOTSUPP'] ?? 0;
