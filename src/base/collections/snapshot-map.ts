// A map with cheap snapshots, which share everything that did not change: a tree by the keys' hashes, in which a change
// copies the path to one leaf. The cost of a change, and of comparing two snapshots, is independent of the number of
// entries.

const bitsPerLevel = 2;
const childrenOfBranch = 1 << bitsPerLevel;
/** A leaf with more entries becomes a branch. */
const mostInLeaf = 32;
/** Number of bits in a hash. Leaves at that depth grow: a tenant may choose names with equal hashes. */
const mostBits = 28;

/** Owned by the map until a snapshot is taken; immutable afterwards. */
class Leaf<Value> {
  readonly owner: object;
  readonly entries: Map<string, Value>;

  constructor(owner: object, entries: Iterable<readonly [string, Value]> = []) {
    this.owner = owner;
    this.entries = new Map(entries);
  }
}

class Branch<Value> {
  readonly owner: object;
  readonly children: Tree<Value>[];

  constructor(owner: object, children: readonly Tree<Value>[]) {
    this.owner = owner;
    this.children = [...children];
  }
}

type Tree<Value> = Leaf<Value> | Branch<Value>;

export class SnapshotMap<Value> {
  /** Owner of the parts that no snapshot shares. */
  #owner = {};
  #root: Tree<Value> = new Leaf<Value>(this.#owner);
  #size = 0;
  #snapshot: ReadonlyMap<string, Value> | undefined;

  get size(): number {
    return this.#size;
  }

  get(key: string): Value | undefined {
    return leafOf(this.#root, key).get(key);
  }

  set(key: string, value: Value): void {
    const { entries } = this.#writable(key, true);
    const before = entries.size;
    entries.set(key, value);
    this.#size += entries.size - before;
  }

  /** Returns false if the key was not in the map. */
  delete(key: string): boolean {
    if (!leafOf(this.#root, key).has(key)) return false;
    this.#size--;
    return this.#writable(key, false).entries.delete(key);
  }

  /** The current entries, in a fixed but unspecified order. Returns the same object while nothing changes. */
  snapshot(): ReadonlyMap<string, Value> {
    if (this.#snapshot === undefined) {
      this.#snapshot = new Snapshot(this.#root, this.#size);
      this.#owner = {};
    }
    return this.#snapshot;
  }

  // The leaf of the key, after copying parts that a snapshot shares. `grows`: it needs room for one more entry.
  #writable(key: string, grows: boolean): Leaf<Value> {
    this.#snapshot = undefined;
    const hash = hashOf(key);
    this.#root = this.#own(this.#root, grows, 0);
    let tree = this.#root;
    for (let bits = 0; tree instanceof Branch; bits += bitsPerLevel) {
      const place = placeAt(hash, bits);
      const child: Tree<Value> = this.#own(childAt(tree, place), grows, bits + bitsPerLevel);
      tree.children[place] = child;
      tree = child;
    }
    return tree;
  }

  #own(tree: Tree<Value>, grows: boolean, bits: number): Tree<Value> {
    const owner = this.#owner;
    if (tree instanceof Leaf && grows && tree.entries.size >= mostInLeaf && bits < mostBits) {
      return split(owner, tree.entries, bits);
    }
    if (tree.owner === owner) return tree;
    if (tree instanceof Leaf) return new Leaf(owner, tree.entries);
    return new Branch(owner, tree.children);
  }
}

function split<Value>(
  owner: object,
  entries: ReadonlyMap<string, Value>,
  bits: number,
): Branch<Value> {
  const leaves = Array.from({ length: childrenOfBranch }, () => new Leaf<Value>(owner));
  for (const [key, value] of entries) {
    leaves[placeAt(hashOf(key), bits)]?.entries.set(key, value);
  }
  return new Branch(owner, leaves);
}

function leafOf<Value>(root: Tree<Value>, key: string): ReadonlyMap<string, Value> {
  if (root instanceof Leaf) return root.entries;
  const hash = hashOf(key);
  let tree: Tree<Value> = root;
  for (let bits = 0; tree instanceof Branch; bits += bitsPerLevel) {
    tree = childAt(tree, placeAt(hash, bits));
  }
  return tree.entries;
}

function childAt<Value>({ children }: Branch<Value>, place: number): Tree<Value> {
  return children[place] as Tree<Value>;
}

function placeAt(hash: number, bits: number): number {
  return (hash >>> bits) & (childrenOfBranch - 1);
}

function* leavesOf<Value>(tree: Tree<Value>): Generator<ReadonlyMap<string, Value>, undefined> {
  if (tree instanceof Leaf) yield tree.entries;
  else for (const child of tree.children) yield* leavesOf(child);
}

class Snapshot<Value> implements ReadonlyMap<string, Value> {
  readonly root: Tree<Value>;
  readonly size: number;

  constructor(root: Tree<Value>, size: number) {
    this.root = root;
    this.size = size;
  }

  get(key: string): Value | undefined {
    return leafOf(this.root, key).get(key);
  }

  has(key: string): boolean {
    return leafOf(this.root, key).has(key);
  }

  forEach(visit: (value: Value, key: string, map: ReadonlyMap<string, Value>) => void): void {
    for (const [key, value] of this) visit(value, key, this);
  }

  *entries(): Generator<[string, Value], undefined> {
    for (const leaf of leavesOf(this.root)) yield* leaf;
  }

  *keys(): Generator<string, undefined> {
    for (const leaf of leavesOf(this.root)) yield* leaf.keys();
  }

  *values(): Generator<Value, undefined> {
    for (const leaf of leavesOf(this.root)) yield* leaf.values();
  }

  [Symbol.iterator](): Generator<[string, Value], undefined> {
    return this.entries();
  }
}

export interface SnapshotChange<Value> {
  readonly key: string;
  /** Absent if the later map does not have the key. */
  readonly after?: Value | undefined;
}

/** The keys whose values are not identical. For two snapshots of one map only the changed parts are compared. */
export function changesBetween<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
): readonly SnapshotChange<Value>[] {
  if (before === after) return [];
  if (before instanceof Snapshot && after instanceof Snapshot) {
    const changes: SnapshotChange<Value>[] = [];
    compareTrees(before.root, after.root, changes);
    return changes;
  }
  const changes: SnapshotChange<Value>[] = [];
  compareEntries(before, after, changes);
  return changes;
}

function compareTrees<Value>(
  before: Tree<Value>,
  after: Tree<Value>,
  changes: SnapshotChange<Value>[],
): void {
  if (before === after) return;
  if (before instanceof Branch && after instanceof Branch) {
    before.children.forEach((child, place) => {
      compareTrees(child, childAt(after, place), changes);
    });
    return;
  }
  // One of them is or was small: a leaf of the one is a branch of the other.
  compareEntries(entriesBelow(before), entriesBelow(after), changes);
}

function entriesBelow<Value>(tree: Tree<Value>): ReadonlyMap<string, Value> {
  if (tree instanceof Leaf) return tree.entries;
  const all = new Map<string, Value>();
  for (const leaf of leavesOf(tree)) for (const [key, value] of leaf) all.set(key, value);
  return all;
}

// Maps derived from each other have their entries in the same order: both are walked in parallel and looked up only
// where they differ.
function compareEntries<Value>(
  before: ReadonlyMap<string, Value>,
  after: ReadonlyMap<string, Value>,
  changes: SnapshotChange<Value>[],
): void {
  const [keys, values] = [before.keys(), before.values()];
  let still = 0;
  for (const [key, value] of after) {
    const sameKey = keys.next().value;
    const sameValue = values.next().value;
    const isSame = sameKey === key && sameValue === value;
    if (isSame || before.has(key)) still++;
    if (!isSame && before.get(key) !== value) changes.push({ key, after: value });
  }
  if (still === before.size) return;
  for (const key of before.keys()) if (!after.has(key)) changes.push({ key });
}

// FNV-1a: keys differ in their last letters, which must count as much as the others.
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < key.length; index++) {
    hash = Math.imul(hash ^ key.charCodeAt(index), 0x01000193);
  }
  return hash ^ (hash >>> 16);
}
