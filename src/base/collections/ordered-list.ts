// A sorted list for frequent changes. Insertion and removal move only the items of one short part, and a search
// compares a few items. A plain sorted array of ten thousand addresses would be copied on each change.

/** Negative if the left item comes first; zero only for the same item. */
export type Compare<Item> = (left: Item, right: Item) => number;

const mostInPart = 512;

export class OrderedList<Item> {
  readonly #compare: Compare<Item>;
  /** Parts of the list, none of them empty. */
  readonly #parts: Item[][] = [];
  #size = 0;

  constructor(compare: Compare<Item>) {
    this.#compare = compare;
  }

  get size(): number {
    return this.#size;
  }

  insert(item: Item): void {
    const { part, at } = this.#place((other) => this.#compare(other, item) < 0);
    const items = this.#parts[part] ?? this.#parts.at(-1);
    this.#size++;
    if (items === undefined) {
      this.#parts.push([item]);
      return;
    }
    items.splice(part < this.#parts.length ? at : items.length, 0, item);
    if (items.length <= mostInPart) return;
    const index = Math.min(part, this.#parts.length - 1);
    this.#parts.splice(index + 1, 0, items.splice(mostInPart >> 1));
  }

  /** Returns false if the item was not in the list. */
  delete(item: Item): boolean {
    const { part, at } = this.#place((other) => this.#compare(other, item) < 0);
    const items = this.#parts[part];
    const found = items?.[at];
    if (items === undefined || found === undefined || this.#compare(found, item) !== 0)
      return false;
    items.splice(at, 1);
    if (items.length === 0) this.#parts.splice(part, 1);
    this.#size--;
    return true;
  }

  /** The first item for which `isBefore` does not hold. `isBefore` must hold for a prefix of the list. */
  firstFrom(isBefore: (item: Item) => boolean): Item | undefined {
    const { part, at } = this.#place(isBefore);
    return this.#parts[part]?.[at];
  }

  /** The last item for which `isBefore` holds. */
  lastBefore(isBefore: (item: Item) => boolean): Item | undefined {
    const { part, at } = this.#place(isBefore);
    return at > 0 ? this.#parts[part]?.[at - 1] : this.#parts[part - 1]?.at(-1);
  }

  // The first part whose last item is not before the place, and the index of its first such item.
  #place(isBefore: (item: Item) => boolean): { readonly part: number; readonly at: number } {
    const part = firstNot(this.#parts, (items) => isBefore(items.at(-1) as Item));
    const items = this.#parts[part];
    return { part, at: items === undefined ? 0 : firstNot(items, isBefore) };
  }
}

function firstNot<Item>(items: readonly Item[], isBefore: (item: Item) => boolean): number {
  let low = 0;
  let high = items.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (isBefore(items[middle] as Item)) low = middle + 1;
    else high = middle;
  }
  return low;
}
