// Slots as the kernel lists them, in any order, put together to lists.

import type { MapImage } from '../../kernel/bpf/map-image.ts';
import type { BackendList, ServiceBackend } from '../../model/services/plan/desired-services.ts';
import type { Port } from '../../net/port.ts';
import type { Slot, SlotKey } from '../generated.ts';

export interface ListedSlots extends BackendList {
  /** Absent: no slot is missing or contradicts itself. */
  readonly isBroken?: true;
  /** Of its slots, ascending. */
  readonly indexes: readonly number[];
}

/** Slots of these lists; of all of them, if `lists` is absent. */
export function* slotsIn(
  image: MapImage<SlotKey, Slot>,
  lists?: ReadonlySet<number>,
): Generator<readonly [SlotKey, Slot], undefined> {
  for (let index = 0; index < image.count; index++) {
    const key = image.key(index);
    if (lists === undefined || lists.has(key.list)) yield [key, image.value(index)];
  }
}

/** Lists of which a slot was set or deleted since the earlier image. */
export function changedLists(
  image: MapImage<SlotKey, Slot>,
  earlier: MapImage<SlotKey, Slot>,
): ReadonlySet<number> {
  const changed = new Set<number>();
  const isStill = new Uint8Array(earlier.count);
  image.placesIn(earlier).forEach((place, index) => {
    if (place < 0) changed.add(image.key(index).list);
    else isStill[place] = 1;
  });
  isStill.forEach((still, index) => {
    if (still === 0) changed.add(earlier.key(index).list);
  });
  return changed;
}

export function readSlots(slots: Iterable<readonly [SlotKey, Slot]>): readonly ListedSlots[] {
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
): ListedSlots {
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
