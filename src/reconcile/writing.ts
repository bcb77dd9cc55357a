// Writes that a table's tracker has planned, and the helpers that carry them out in batches.

import type { EntryFailure } from './table.ts';

export interface Writes<Entry> {
  readonly set: ReadonlyMap<string, Entry>;
  readonly remove: ReadonlyMap<string, Entry>;
}

export const noWrites: Writes<never> = {
  set: new Map<string, never>(),
  remove: new Map<string, never>(),
};

export interface Batches {
  readonly batchSize: number;
  /** Lets other work run between batches. */
  readonly pause: () => Promise<void>;
}

export async function inBatches<Entry>(
  entries: ReadonlyMap<string, Entry>,
  { batchSize, pause }: Batches,
  apply: (batch: ReadonlyMap<string, Entry>) => void,
): Promise<void> {
  const all = [...entries];
  for (let start = 0; start < all.length; start += batchSize) {
    if (start > 0) await pause();
    apply(new Map(all.slice(start, start + batchSize)));
  }
}

/** Writes one batch. Returns errors by key; an exception counts against every entry of the batch. */
export function failuresOf<Entry>(
  batch: ReadonlyMap<string, Entry>,
  write: (entries: readonly Entry[]) => readonly EntryFailure[],
): ReadonlyMap<string, unknown> {
  try {
    return new Map(write([...batch.values()]).map(({ key, error }) => [key, error]));
  } catch (error) {
    return new Map(Array.from(batch.keys(), (key) => [key, error]));
  }
}

export function filter<Entry>(
  entries: ReadonlyMap<string, Entry>,
  keep: (key: string, entry: Entry) => boolean,
): ReadonlyMap<string, Entry> {
  const kept = new Map<string, Entry>();
  for (const [key, entry] of entries) if (keep(key, entry)) kept.set(key, entry);
  return kept;
}
