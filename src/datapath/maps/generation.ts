// The generation of the tables that programs use for lookups. A flow remembers the results of its first packets with
// their generation, and is looked up again in the next one (bpf/flow-ends.h). So the number is increased after each
// change, never before.

import type { BpfMap } from '../../kernel/bpf/map.ts';
import type { EntryFailure, Table } from '../../reconcile/table.ts';

/** Map `table_generation`, or the part of it that is used here. */
export type GenerationMap = Pick<BpfMap<number, number>, 'get' | 'set'>;

// The programs use this value for "being written" (GENERATION_IN_WORK).
const reserved = 0xffff_ffff;

/** From now on every flow is looked up again. Throws KernelError. */
export function beginGeneration(map: GenerationMap): void {
  const next = (map.get(0) ?? 0) + 1;
  map.set(0, next >= reserved ? 1 : next);
}

/** Wraps a table so that each write starts a generation, even one that was applied partly or not at all. */
export function countingChanges<Entry>(table: Table<Entry>, map: GenerationMap): Table<Entry> {
  const counted =
    (write: (entries: readonly Entry[]) => readonly EntryFailure[]) =>
    (entries: readonly Entry[]): readonly EntryFailure[] => {
      try {
        return write(entries);
      } finally {
        beginGeneration(map);
      }
    };
  return {
    ...table,
    set: counted((entries) => table.set(entries)),
    delete: counted((entries) => table.delete(entries)),
  };
}
