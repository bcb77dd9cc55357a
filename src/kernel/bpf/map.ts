// A typed BPF map: keys and values pass codecs whose sizes are checked against the kernel's when the map is opened.
// Large writes, deletions and reads use batches if the kernel supports them.

import type { Codec } from '../codec.ts';
import { errno, KernelError } from '../errno.ts';
import { GrowingMemory, type Memory } from '../memory.ts';
import { bpfChecked, openById } from './bpf.ts';
import { type FoundBatch, MapBatches } from './map-batch.ts';
import { type MapCalls, mapCalls } from './map-calls.ts';
import { MapImage } from './map-image.ts';
import { type MapType, mapTypeFromNumber, mapTypes } from './map-type.ts';

export interface MapSpec<K, V> {
  readonly name: string;
  readonly type: MapType;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
  readonly maxEntries: number;
}

export interface MapCreateOptions {
  /** BPF_F_* of uapi linux/bpf.h. LPM tries always get BPF_F_NO_PREALLOC, which the kernel requires. */
  readonly flags?: number;
  /** For maps of maps: a map of the inner type, as a template. */
  readonly innerFd?: number;
  readonly calls?: MapCalls;
}

export interface MapOpenOptions {
  readonly calls?: MapCalls;
  /** The kernel's value size, if the codec covers more than that (one slot per CPU). */
  readonly kernelValueSize?: number;
}

/** Whether `set` may create the entry, replace it, or both. */
export type SetMode = 'any' | 'create' | 'replace';

const setFlags: Readonly<Record<SetMode, number>> = { any: 0, create: 1, replace: 2 };
const noPreallocation = 1;

// Shared by all maps: one call ends before the next begins.
const scratch = {
  key: new GrowingMemory(),
  nextKey: new GrowingMemory(),
  value: new GrowingMemory(),
};

/** Owns its descriptor. Minimum kernel: see `mapTypes`. */
export class BpfMap<K, V> implements Disposable {
  readonly name: string;
  readonly fd: number;
  readonly type: MapType;
  /** The kernel's identifier, unique on the machine while the map exists. */
  readonly id: number;
  /** The kernel's value, which may differ from the spec's. */
  readonly maxEntries: number;
  readonly #key: Codec<K>;
  readonly #value: Codec<V>;
  readonly #calls: MapCalls;
  readonly #batches: MapBatches<K, V>;
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
    const { key, value } = spec;
    this.#batches = new MapBatches({
      fd,
      key,
      value,
      maxEntries: info.maxEntries,
      calls: this.#calls,
    });
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

  /** Throws KernelError ENOENT if nothing is pinned there, EINVAL if the pinned map has another type or size. */
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

  /**
   * Takes ownership of the descriptor, even if it throws because the map has another type or size (KernelError EINVAL).
   */
  static fromFd<K, V>(fd: number, spec: MapSpec<K, V>, options: MapOpenOptions = {}): BpfMap<K, V> {
    try {
      return new BpfMap(fd, spec, options);
    } catch (error) {
      (options.calls ?? mapCalls).close(fd);
      throw error;
    }
  }

  /** Array slots always exist; for other maps undefined means no entry. */
  get(key: K): V | undefined {
    const value = scratch.value.atLeast(this.#value.size);
    const request = { fd: this.fd, key: this.#encodeKey(key), value };
    const result = this.#calls.element('mapLookup', request);
    if (result === noEntry) return undefined;
    this.#check(result, 'lookup');
    return this.#value.decode(value.view, 0);
  }

  /** Throws KernelError E2BIG if the map is full, EEXIST and ENOENT according to `mode`. */
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

  /** Returns false if there was no such entry. Throws KernelError EINVAL for arrays, whose slots always exist. */
  delete(key: K): boolean {
    const result = this.#calls.element('mapDelete', { fd: this.fd, key: this.#encodeKey(key) });
    if (result === noEntry) return false;
    this.#check(result, 'delete');
    return true;
  }

  /**
   * Yields every entry in the kernel's order. Entries added or deleted meanwhile may be missed. Each is decoded before
   * it is yielded, so the loop may change the map.
   */
  *entries(): IterableIterator<[K, V]> {
    if (this.#batches.available) {
      for (const batch of this.#lookupBatches()) yield* batch.decode();
      if (this.#batches.available) return;
    }
    for (const key of this.#keysOneByOne()) {
      const value = this.get(key);
      if (value !== undefined) yield [key, value];
    }
  }

  /**
   * All entries as bytes, for comparison with an earlier image: equal bytes are equal entries. Undefined if batches are
   * not supported.
   */
  image(): MapImage<K, V> | undefined {
    if (!this.#batches.available) return undefined;
    const parts = Array.from(this.#lookupBatches(), (batch) => [batch.keys(), batch.values()]);
    if (!this.#batches.available) return undefined;
    const keys = Buffer.concat(parts.flatMap(([first]) => first ?? []));
    const values = Buffer.concat(parts.flatMap(([, second]) => second ?? []));
    return new MapImage({ keys, values, key: this.#key, value: this.#value });
  }

  /** Current number of entries; for arrays the number of slots. */
  count(): number {
    if (this.#isArray()) return this.maxEntries;
    if (this.#batches.available) {
      let total = 0;
      for (const { count } of this.#lookupBatches()) total += count;
      if (this.#batches.available) return total;
    }
    return this.#keysOneByOne().length;
  }

  /** Sets all or the first entries: if one is refused, those before it are set, and the error contains their number. */
  setBatch(entries: readonly (readonly [K, V])[]): void {
    let done = 0;
    while (done < entries.length && this.#batches.available) {
      const part = entries.slice(done, done + this.#batches.size);
      const { result, count } = this.#batches.update(part);
      if (!this.#batches.available) break;
      this.#check(result, 'update batch', `${done + count} of ${entries.length} entries were set`);
      done += part.length;
    }
    for (const [key, value] of entries.slice(done)) this.set(key, value);
  }

  /** Returns the number of deleted entries; missing keys are ignored. */
  deleteBatch(keys: readonly K[]): number {
    let done = 0;
    let deleted = 0;
    while (done < keys.length && this.#batches.available) {
      const part = keys.slice(done, done + this.#batches.size);
      const { result, count } = this.#batches.delete(part);
      if (!this.#batches.available) break;
      const missing = result === noEntry;
      if (!missing) this.#check(result, 'delete batch');
      done += missing ? count + 1 : part.length;
      deleted += count;
    }
    return keys.slice(done).reduce((total, key) => total + (this.delete(key) ? 1 : 0), deleted);
  }

  /** Keeps the map alive under a path in bpffs. Throws KernelError EEXIST if the path exists. */
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

  #lookupBatches(): IterableIterator<FoundBatch<K, V>> {
    return this.#batches.lookup((result) => this.#check(result, 'lookup batch'));
  }

  /** Reads all keys first: after a key that was deleted meanwhile, the kernel would start from the beginning. */
  #keysOneByOne(): K[] {
    const found: K[] = [];
    let key: Memory | undefined;
    while (found.length < 2 * this.maxEntries) {
      const next = scratch.nextKey.atLeast(this.#key.size);
      const result = this.#calls.element('mapNextKey', { fd: this.fd, key, value: next });
      if (result === noEntry) break;
      this.#check(result, 'next key');
      found.push(this.#key.decode(next.view, 0));
      key = scratch.key.atLeast(this.#key.size);
      key.bytes.set(next.bytes.subarray(0, this.#key.size));
    }
    return found;
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

  #isArray(): boolean {
    return this.type === 'array' || this.type === 'percpu_array';
  }

  #reasonFor(result: number): string | undefined {
    if (result !== tooBig && result !== noSpace) return undefined;
    return this.#isArray()
      ? `the index is beyond its ${this.maxEntries} slots`
      : `the map is full: ${this.maxEntries} entries`;
  }

  #require(what: string, expected: string | number, found: string | number): void {
    if (expected === found) return;
    const detail = `its ${what} is ${found}, expected ${expected}`;
    throw new KernelError({ call: 'bpf map open', subject: this.name, code: 'EINVAL', detail });
  }
}

const noEntry = -(errno['ENOENT'] ?? 0);
const noSpace = -(errno['ENOSPC'] ?? 0);
const tooBig = -(errno['E2BIG'] ?? 0);
