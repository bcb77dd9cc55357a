// Finds where a list of thousands differs from the one before, by identity alone: most of the time it is one element. A dozen
// lists are made of the same one (the endpoints, each table's groups of entries): where they differ is looked for once.

export interface ChangedSpan {
  /** How many elements both begin with. */
  readonly head: number;
  /** How many elements both end with, of those behind the head. */
  readonly tail: number;
}

/** By the later list: where it differs from an earlier one. */
const known = new WeakMap<object, { readonly before: object; readonly span: ChangedSpan }>();

/** What is neither in the head nor in the tail is what changed, and what lies between changes. */
export function changedSpan<Item>(before: readonly Item[], after: readonly Item[]): ChangedSpan {
  if (before === after) return { head: after.length, tail: 0 };
  const found = known.get(after);
  if (found?.before === before) return found.span;
  const span = compare(before, after);
  noteSpan(before, after, span);
  return span;
}

/** `after` was made of what `before` was made of, and they cannot differ elsewhere. */
export function noteSpan(before: object, after: object, span: ChangedSpan): void {
  // A list remembers one before it, which remembers none: no chain of all that there ever were.
  known.delete(before);
  known.set(after, { before, span });
}

/** Two lists as one, from one call to the next: where one of the two differs, the whole does. */
export function joinLists<Item>(): (
  first: readonly Item[],
  second: readonly Item[],
) => readonly Item[] {
  let last: Joined<Item> = { first: [], second: [], joined: [] };
  return (first, second) => {
    const before = last;
    const inFirst = changedSpan(before.first, first);
    const inSecond = changedSpan(before.second, second);
    const isFirstSame = isSame(inFirst, before.first, first);
    const isOnlyFirst = !isFirstSame && isSame(inSecond, before.second, second);
    // Not spread: copying a thousand one by one takes ten times as long.
    last = { first, second, joined: first.concat(second) };
    noteSpan(before.joined, last.joined, {
      head: isFirstSame ? first.length + inSecond.head : inFirst.head,
      tail: isOnlyFirst ? inFirst.tail + second.length : inSecond.tail,
    });
    return last.joined;
  };
}

interface Joined<Item> {
  readonly first: readonly Item[];
  readonly second: readonly Item[];
  readonly joined: readonly Item[];
}

function isSame(
  { head, tail }: ChangedSpan,
  before: readonly unknown[],
  after: readonly unknown[],
): boolean {
  return before.length === after.length && head + tail === after.length;
}

function compare(before: readonly unknown[], after: readonly unknown[]): ChangedSpan {
  const shorter = Math.min(before.length, after.length);
  let head = 0;
  while (head < shorter && before[head] === after[head]) head++;
  let tail = 0;
  let [last, lastBefore] = [after.length - 1, before.length - 1];
  while (tail < shorter - head && before[lastBefore] === after[last]) {
    tail++;
    last--;
    lastBefore--;
  }
  return { head, tail };
}
