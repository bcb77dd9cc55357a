// A hash of maps: programs look up an inner map by key and then an entry in it. Kernel 4.12.

import { type Codec, u32 } from '../codec.ts';
import { BpfMap, type MapSpec } from './map.ts';
import type { MapCalls } from './map-calls.ts';

export interface MapOfMapsSpec<K, InnerK, InnerV> {
  readonly name: string;
  readonly key: Codec<K>;
  readonly maxEntries: number;
  /** Specification of every inner map; inner hashes may differ in size. */
  readonly inner: MapSpec<InnerK, InnerV>;
}

/** Owns its descriptor. Inner maps exist while they are in it, or referenced elsewhere. */
export class MapOfMaps<K, InnerK, InnerV> implements Disposable {
  readonly #outer: BpfMap<K, number>;
  readonly #inner: MapSpec<InnerK, InnerV>;

  private constructor(outer: BpfMap<K, number>, inner: MapSpec<InnerK, InnerV>) {
    this.#outer = outer;
    this.#inner = inner;
  }

  static create<K, InnerK, InnerV>(
    spec: MapOfMapsSpec<K, InnerK, InnerV>,
    options: { readonly calls?: MapCalls } = {},
  ): MapOfMaps<K, InnerK, InnerV> {
    using pattern = BpfMap.create(spec.inner, options);
    const outer = BpfMap.create(outerSpec(spec), { ...options, innerFd: pattern.fd });
    return new MapOfMaps(outer, spec.inner);
  }

  /** Throws KernelError ENOENT if nothing is pinned there. */
  static openPinned<K, InnerK, InnerV>(
    path: string,
    spec: MapOfMapsSpec<K, InnerK, InnerV>,
  ): MapOfMaps<K, InnerK, InnerV> {
    return new MapOfMaps(BpfMap.openPinned(path, outerSpec(spec)), spec.inner);
  }

  /** Takes ownership of the descriptor. */
  static fromFd<K, InnerK, InnerV>(
    fd: number,
    spec: MapOfMapsSpec<K, InnerK, InnerV>,
  ): MapOfMaps<K, InnerK, InnerV> {
    return new MapOfMaps(BpfMap.fromFd(fd, outerSpec(spec)), spec.inner);
  }

  get fd(): number {
    return this.#outer.fd;
  }

  /** The inner map, with its own descriptor that the caller disposes of. */
  get(key: K): BpfMap<InnerK, InnerV> | undefined {
    // The kernel accepts descriptors and returns identifiers.
    const id = this.#outer.get(key);
    return id === undefined ? undefined : BpfMap.openById(id, this.#inner);
  }

  /** Programs see the old inner map or the new one, never none. */
  set(key: K, inner: BpfMap<InnerK, InnerV>): void {
    this.#outer.set(key, inner.fd);
  }

  delete(key: K): boolean {
    return this.#outer.delete(key);
  }

  /** Keys with the identifiers of their inner maps (`BpfMap.id`). */
  entries(): IterableIterator<[K, number]> {
    return this.#outer.entries();
  }

  pin(path: string): void {
    this.#outer.pin(path);
  }

  [Symbol.dispose](): void {
    this.#outer[Symbol.dispose]();
  }
}

function outerSpec<K>(
  spec: Pick<MapOfMapsSpec<K, unknown, unknown>, 'name' | 'key' | 'maxEntries'>,
): MapSpec<K, number> {
  const { name, key, maxEntries } = spec;
  return { name, type: 'hash_of_maps', key, value: u32, maxEntries };
}
