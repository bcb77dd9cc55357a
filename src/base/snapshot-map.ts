// A map of which snapshots are taken again and again. They share what did not change: copying ten thousand entries twenty
// times a second would be most of what an agent does: with the garbage it makes 12 % of a processor, instead of 0.1 %.

const partCount = 64;

type Parts<Value> = readonly ReadonlyMap<string, Value>[];

export class SnapshotMap<Value> {
  readonly #parts: Map<string, Value>[] = Array.from({ length: partCount }, () => new Map());
  /** Whether a snapshot has it, too: it is copied before it changes. */
  readonly #isShared: boolean[] = Array.from({ length: partCount }, () => false);
  #size = 0;
  #snapshot: ReadonlyMap<string, Value> | undefined;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return this.#parts[placeOf(key)]?.get(key);
  }

  set(key: string, value: Value): void {
    const part = this.#writable(key);
    const before = part.size;
    part.set(key, value);
    this.#size += part.size - before;
  }

  /** False: it was not there. */
  delete(key: string): boolean {
    if (this.#parts[placeOf(key)]?.has(key) !== true) return false;
    this.#size--;
    return this.#writable(key).delete(key);
  }

  /** What is there now, in no particular order but always the same; the same object while nothing changes. */
  snapshot(): ReadonlyMap<string, Value> {
    if (this.#snapshot === undefined) {
      this.#snapshot = new Snapshot([...this.#parts], this.#size);
      this.#isShared.fill(true);
    }
    return this.#snapshot;
  }

  #writable(key: string): Map<string, Value> {
    const place = placeOf(key);
    const part = this.#parts[place] ?? new Map<string, Value>();
    this.#snapshot = undefined;
    if (this.#isShared[place] !== true) return part;
    const copy = new Map(part);
    this.#parts[place] = copy;
    this.#isShared[place] = false;
    return copy;
  }
}

class Snapshot<Value> implements ReadonlyMap<string, Value> {
  readonly parts: Parts<Value>;
  readonly size: number;

  constructor(parts: Parts<Value>, size: number) {
    this.parts = parts;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return this.parts[placeOf(key)]?.get(key);
  }

  has(key: string): boolean {
    return this.parts[placeOf(key)]?.has(key) === true;
  }

  forEach(visit: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): Generator<[string, Value], undefined> {
    for (const part of this.parts) yield* part;
  }

  *keys(): Generator<string, undefined> {
    for (const part of this.parts) yield* part.keys();
  }

  *values(): Generator<Value, undefined> {
    for (const part of this.parts) yield* part.values();
  }

  [Symbol.iterator](): Generator<[string, Value], undefined> {
    return this.entries();
  }
}

export interface Change<Value> {
  readonly key: string;
  /** Absent: the later map has no such key. */
  readonly after?: Value | undefined;
}

/** The keys whose values are not identical. Of two snapshots of one map only the parts that changed are looked at. */
export function changesBetween<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
): readonly Change<Value>[] {
  if (before === after) return [];
  const [old, parts] = [partsOf(before), partsOf(after)];
  if (old.length !== parts.length) return changesOf(before, after);
  return parts.flatMap((part, index) => {
    const earlier = old[index];
    return earlier === undefined || earlier === part ? [] : changesOf(earlier, part);
  });
}

function changesOf<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
): readonly Change<Value>[] {
  const changes: Change<Value>[] = [];
  for (const key of before.keys()) if (!after.has(key)) changes.push({ key });
  for (const [key, value] of after) {
    if (before.get(key) !== value) changes.push({ key, after: value });
  }
  return changes;
}

function partsOf<Value>(map: ReadonlyMap<string, Value>): Parts<Value> {
  return map instanceof Snapshot ? map.parts : [map];
}

// FNV-1a: keys differ in their last letters, which must matter as much as the others.
function placeOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return (hash ^ (hash >>> 16)) & (partCount - 1);
}
