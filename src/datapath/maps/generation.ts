// Which generation of tables the programs look things up in. A flow remembers what its first packets found, and in which
// generation: with the next one it is looked up again (bpf/flow-ends.h). So the number goes up after each change, never before.

import type { BpfMap } from '../../kernel/bpf/map.ts';
import type { EntryFailure, Table } from '../../reconcile/table.ts';

/** Map `table_generation`, or the part of it that is needed. */
export type GenerationMap = Pick<BpfMap<number, number>, 'get' | 'set'>;

// The programs use this one for "being written" (GENERATION_IN_WORK).
const reserved = 0xffff_ffff;

/** From here on whatever a flow remembers is looked up again. Throws KernelError. */
export function beginGeneration(map: GenerationMap): void {
  const next = (map.get(0) ?? 0) + 1;
  map.set(0, next >= reserved ? 1 : next);
}

/** A table whose every write begins a generation, also one that was applied in part or not at all. */
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
