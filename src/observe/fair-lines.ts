// A bounded list of lines, shared fairly between owners: when it is full, the owner with the most lines loses its
// oldest one.

interface Numbered<Line> {
  readonly sequence: number;
  readonly line: Line;
}

interface Owned<Line> {
  lines: Numbered<Line>[];
  /** Index of the first line that is still kept. Dropped lines before it are cut off now and then. */
  head: number;
}

const cutAfter = 1024;

export class FairLines<Line> {
  readonly #capacity: number;
  readonly #owners = new Map<number, Owned<Line>>();
  /** Owners by their number of lines, so that the one with the most is found without a search. */
  readonly #byCount = new Map<number, Set<number>>();
  #most = 0;
  #size = 0;
  #sequence = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  add(line: Line, owner: number): void {
    const owned = this.#owners.get(owner) ?? { lines: [], head: 0 };
    this.#owners.set(owner, owned);
    this.#recount(owner, countOf(owned), countOf(owned) + 1);
    owned.lines.push({ sequence: this.#sequence++, line });
    this.#size++;
    if (this.#size > this.#capacity) this.#dropOne();
  }

  /** All lines, oldest first. */
  all(): readonly Line[] {
    return [...this.#owners.values()]
      .flatMap(({ lines, head }) => lines.slice(head))
      .sort((left, right) => left.sequence - right.sequence)
      .map(({ line }) => line);
  }

  #dropOne(): void {
    const [owner] = this.#byCount.get(this.#most) ?? [];
    const owned = owner === undefined ? undefined : this.#owners.get(owner);
    if (owner === undefined || owned === undefined) return;
    this.#recount(owner, countOf(owned), countOf(owned) - 1);
    owned.head++;
    this.#size--;
    if (countOf(owned) === 0) this.#owners.delete(owner);
    if (owned.head < cutAfter || owned.head < owned.lines.length / 2) return;
    owned.lines = owned.lines.slice(owned.head);
    owned.head = 0;
  }

  #recount(owner: number, before: number, after: number): void {
    const old = this.#byCount.get(before);
    old?.delete(owner);
    if (old?.size === 0) this.#byCount.delete(before);
    if (after > 0) {
      const same = this.#byCount.get(after) ?? new Set();
      this.#byCount.set(after, same.add(owner));
    }
    if (after > this.#most || !this.#byCount.has(this.#most)) this.#most = after;
  }
}

function countOf({ lines, head }: Owned<unknown>): number {
  return lines.length - head;
}
