// Finds where a list of thousands differs from the one before, by identity alone: most of the time it is one element.

export interface ChangedSpan {
  /** How many elements both begin with. */
  readonly head: number;
  /** How many elements both end with, of those behind the head. */
  readonly tail: number;
}

/** What is neither in the head nor in the tail is what changed, and what lies between changes. */
export function changedSpan<Item>(before: readonly Item[], after: readonly Item[]): ChangedSpan {
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
