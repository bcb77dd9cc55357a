// Slots as the kernel lists them, in any order, put together to lists.

import type { BackendList, ServiceBackend } from '../../model/services/plan/desired-services.ts';
import type { Port } from '../../net/port.ts';
import type { Slot, SlotKey } from '../generated.ts';

export interface ReadList extends BackendList {
  /** Absent: no slot is missing or contradicts itself. */
  readonly isBroken?: true;
  /** Of its slots, ascending. */
  readonly indexes: readonly number[];
}

export function readSlots(slots: Iterable<readonly [SlotKey, Slot]>): readonly ReadList[] {
  const lists = new Map<number, (readonly [index: number, slot: Slot])[]>();
  for (const [{ list, index }, slot] of slots) {
    const found = lists.get(list);
    if (found === undefined) lists.set(list, [[index, slot]]);
    else found.push([index, slot]);
  }
  return Array.from(lists, ([number, found]) => readList(number, found));
}

function readList(
  number: number,
  found: readonly (readonly [index: number, slot: Slot])[],
): ReadList {
  const ordered = found.toSorted(([left], [right]) => left - right);
  const indexes = ordered.map(([index]) => index);
  const backends = ordered.map(([, slot]) => backendIn(slot));
  const isIntact = ordered.every(([index, slot], place) => {
    const last = backends[place - 1]?.number ?? 0;
    return index === place && slot.list === number && slot.backend > last;
  });
  return { number, backends, indexes, ...(!isIntact && { isBroken: true }) };
}

function backendIn({ backend: number, address, port }: Slot): ServiceBackend {
  return { number, address, port: port as Port };
}
