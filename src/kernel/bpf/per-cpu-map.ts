// A map with one value per possible CPU, which programs write without atomics: counters. Kernel 4.6.

import { readFileSync } from 'node:fs';
import type { Codec } from '../codec.ts';
import { BpfMap, type MapOpenOptions, type MapSpec } from './map.ts';
import { type MapCalls, mapCalls } from './map-calls.ts';

export interface PerCpuMapSpec<K, V> extends MapSpec<K, V> {
  readonly type: 'percpu_array' | 'percpu_hash' | 'lru_percpu_hash';
}

export interface PerCpuMapOptions {
  readonly calls?: MapCalls;
  /** Number of possible CPUs; read from sysfs by default. */
  readonly cpus?: number;
}

/** Owns its descriptor. Values are arrays, by CPU number. */
export class PerCpuMap<K, V> implements Disposable {
  readonly cpus: number;
  readonly #map: BpfMap<K, readonly V[]>;

  private constructor(map: BpfMap<K, readonly V[]>, cpus: number) {
    this.#map = map;
    this.cpus = cpus;
  }

  static create<K, V>(
    spec: PerCpuMapSpec<K, V>,
    options: PerCpuMapOptions & { readonly flags?: number } = {},
  ): PerCpuMap<K, V> {
    const { calls = mapCalls } = options;
    using plain = BpfMap.create(spec, options);
    return PerCpuMap.fromFd(calls.duplicate(plain.fd), spec, options);
  }

  /** Throws like BpfMap.openPinned. */
  static openPinned<K, V>(
    path: string,
    spec: PerCpuMapSpec<K, V>,
    options: PerCpuMapOptions = {},
  ): PerCpuMap<K, V> {
    const { whole, open, cpus } = slots(spec, options);
    return new PerCpuMap(BpfMap.openPinned(path, whole, open), cpus);
  }

  /** Takes ownership of the descriptor. */
  static fromFd<K, V>(
    fd: number,
    spec: PerCpuMapSpec<K, V>,
    options: PerCpuMapOptions = {},
  ): PerCpuMap<K, V> {
    const { whole, open, cpus } = slots(spec, options);
    return new PerCpuMap(BpfMap.fromFd(fd, whole, open), cpus);
  }

  get name(): string {
    return this.#map.name;
  }

  get fd(): number {
    return this.#map.fd;
  }

  get id(): number {
    return this.#map.id;
  }

  get maxEntries(): number {
    return this.#map.maxEntries;
  }

  get(key: K): readonly V[] | undefined {
    return this.#map.get(key);
  }

  /** One value per possible CPU. Throws a RangeError for any other number. */
  set(key: K, values: readonly V[]): void {
    this.#map.set(key, values);
  }

  /** Sets the same value on every CPU, for example to reset a counter. */
  setAll(key: K, value: V): void {
    this.#map.set(key, new Array<V>(this.cpus).fill(value));
  }

  delete(key: K): boolean {
    return this.#map.delete(key);
  }

  entries(): IterableIterator<[K, readonly V[]]> {
    return this.#map.entries();
  }

  count(): number {
    return this.#map.count();
  }

  pin(path: string): void {
    this.#map.pin(path);
  }

  [Symbol.dispose](): void {
    this.#map[Symbol.dispose]();
  }
}

/** Number of CPUs that may ever be online, from a list such as `0-3,8`. */
export function possibleCpus(
  list: string = readFileSync('/sys/devices/system/cpu/possible', 'utf8'),
): number {
  return list
    .trim()
    .split(',')
    .reduce((total, range) => {
      const [first = '0', last = first] = range.split('-');
      return total + Number(last) - Number(first) + 1;
    }, 0);
}

function slots<K, V>(
  spec: PerCpuMapSpec<K, V>,
  options: PerCpuMapOptions,
): { whole: MapSpec<K, readonly V[]>; open: MapOpenOptions; cpus: number } {
  const cpus = options.cpus ?? possibleCpus();
  const open: MapOpenOptions = {
    kernelValueSize: spec.value.size,
    ...(options.calls === undefined ? {} : { calls: options.calls }),
  };
  return { whole: { ...spec, value: perCpuCodec(spec.value, cpus) }, open, cpus };
}

/** The kernel rounds each CPU's slot up to a multiple of 8 bytes. */
function perCpuCodec<V>(slot: Codec<V>, cpus: number): Codec<readonly V[]> {
  const stride = Math.ceil(slot.size / 8) * 8;
  return {
    size: stride * cpus,
    encode(values, into, offset) {
      if (values.length !== cpus) {
        throw new RangeError(`${values.length} values for ${cpus} possible CPUs`);
      }
      for (const [cpu, value] of values.entries()) slot.encode(value, into, offset + cpu * stride);
    },
    decode: (from, offset) =>
      Array.from({ length: cpus }, (_, cpu) => slot.decode(from, offset + cpu * stride)),
  };
}
