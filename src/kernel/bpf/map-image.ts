// All entries of a map as bytes, in the kernel's order. Of two images of one map most entries are equal and in the same
// order: only the others need to be decoded.

import type { Codec } from '../codec.ts';

export interface MapImageParts<K, V> {
  readonly keys: Buffer;
  readonly values: Buffer;
  readonly key: Codec<K>;
  readonly value: Codec<V>;
}

/** Number of entries that are compared in one step. */
const run = 64;
/** How many entries behind a place are compared, and for how many entries in vain, before keys are looked up. */
const furthest = 16;

export class MapImage<K, V> {
  readonly count: number;
  readonly #parts: MapImageParts<K, V>;
  readonly #keys: DataView;
  readonly #values: DataView;
  #placesOfKeys: ReadonlyMap<string, number> | undefined;

  constructor(parts: MapImageParts<K, V>) {
    const { keys, values, key } = parts;
    this.#parts = parts;
    this.#keys = new DataView(keys.buffer, keys.byteOffset, keys.length);
    this.#values = new DataView(values.buffer, values.byteOffset, values.length);
    this.count = keys.length / key.size;
  }

  key(index: number): K {
    const { key } = this.#parts;
    return key.decode(this.#keys, index * key.size);
  }

  value(index: number): V {
    const { value } = this.#parts;
    return value.decode(this.#values, index * value.size);
  }

  equals(other: MapImage<K, V>): boolean {
    const { keys, values } = this.#parts;
    return keys.equals(other.#parts.keys) && values.equals(other.#parts.values);
  }

  /** By index: where an earlier image has the same entry; -1: nowhere, the entry is new or changed. */
  placesIn(earlier: MapImage<K, V>): Int32Array {
    const places = new Int32Array(this.count).fill(-1);
    let index = 0;
    let at = 0;
    let inVain = 0;
    while (index < this.count) {
      const equal = [run, 1].find((length) => this.#isSame(index, length, { earlier, at }));
      if (equal !== undefined) {
        for (let each = 0; each < equal; each++) places[index++] = at++;
        inVain = 0;
        continue;
      }
      const next =
        inVain < furthest
          ? this.#placeBehind(index, { earlier, at })
          : this.#placeByKey(index, earlier);
      if (next === undefined) {
        index++;
        inVain++;
      } else at = next;
    }
    return places;
  }

  #placeBehind(index: number, { earlier, at }: Place<K, V>): number | undefined {
    for (let ahead = 1; ahead <= furthest; ahead++)
      if (this.#isSame(index, 1, { earlier, at: at + ahead })) return at + ahead;
    return undefined;
  }

  #placeByKey(index: number, earlier: MapImage<K, V>): number | undefined {
    const at = earlier.#placeOf(this.#keyText(index));
    return at !== undefined && this.#isSame(index, 1, { earlier, at }) ? at : undefined;
  }

  #placeOf(key: string): number | undefined {
    this.#placesOfKeys ??= new Map(
      Array.from({ length: this.count }, (_, index) => [this.#keyText(index), index]),
    );
    return this.#placesOfKeys.get(key);
  }

  #keyText(index: number): string {
    const { keys, key } = this.#parts;
    return keys.toString('latin1', index * key.size, (index + 1) * key.size);
  }

  #isSame(index: number, length: number, { earlier, at }: Place<K, V>): boolean {
    if (index + length > this.count || at + length > earlier.count) return false;
    const { keys, values, key, value } = this.#parts;
    const isSame = (mine: Buffer, other: Buffer, size: number): boolean =>
      mine.compare(
        other,
        at * size,
        (at + length) * size,
        index * size,
        (index + length) * size,
      ) === 0;
    return (
      isSame(keys, earlier.#parts.keys, key.size) &&
      isSame(values, earlier.#parts.values, value.size)
    );
  }
}

interface Place<K, V> {
  readonly earlier: MapImage<K, V>;
  readonly at: number;
}
