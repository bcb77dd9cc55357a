// Finds matches of a prefix among many prefixes that may contain each other, with few comparisons, however many there
// are.

import { compareDigits, contains, type OrderedPrefix } from './prefix-order.ts';

interface Ordered {
  readonly ordered: OrderedPrefix;
}

export class PrefixIndex<Item extends Ordered> {
  /** Sorted; contained prefixes follow the containing one. */
  readonly #items: readonly Item[];
  /** By index: that of the innermost containing item; -1: none. */
  readonly #outer: readonly number[];

  constructor(items: readonly Item[]) {
    this.#items = [...items].sort((left, right) => compareDigits(left.ordered, right.ordered));
    const outer: number[] = [];
    this.#items.forEach(({ ordered }, place) => {
      let around = place - 1;
      while (around >= 0 && !this.#holds(around, ordered)) around = outer[around] ?? -1;
      outer.push(around);
    });
    this.#outer = outer;
  }

  /** The first item inside the range; otherwise the innermost that contains it. */
  meeting(range: OrderedPrefix): Item | undefined {
    const inside = this.#items[this.#placeOf(range)];
    return inside !== undefined && contains(range, inside.ordered) ? inside : this.around(range);
  }

  /** The innermost item that contains or equals the prefix. */
  around(prefix: OrderedPrefix): Item | undefined {
    let place = this.#placeOf(prefix);
    if (!this.#holds(place, prefix)) place--;
    while (place >= 0 && !this.#holds(place, prefix)) place = this.#outer[place] ?? -1;
    return this.#items[place];
  }

  // Index of the first item that is not before the range.
  #placeOf(range: OrderedPrefix): number {
    let low = 0;
    let high = this.#items.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const item = this.#items[middle]?.ordered;
      if (item !== undefined && compareDigits(item, range) < 0) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #holds(place: number, inner: OrderedPrefix): boolean {
    const outer = this.#items[place]?.ordered;
    return outer !== undefined && contains(outer, inner);
  }
}
