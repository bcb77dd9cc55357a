// Map `slots`: the backends of each list. An entry of this table is a whole list, because a frontend cannot use a list of
// which a slot is missing.

import type { MapImage } from '../../kernel/bpf/map-image.ts';
import type {
  BackendList,
  DesiredServices,
  ServiceBackend,
} from '../../model/services/plan/desired-services.ts';
import type { DesiredContents, EntryFailure, Table } from '../../reconcile/table.ts';
import type { Slot, SlotKey } from '../generated.ts';
import { namingSize, type WritableMap } from '../maps/map-table.ts';
import { writeEach } from '../writes.ts';
import type { KernelLists } from './kernel-lists.ts';
import { changedLists, type ListedSlots, readSlots, slotsIn } from './read-slots.ts';

export function slotContents(): DesiredContents<DesiredServices, BackendList, BackendList> {
  return {
    groups: () => [],
    items: { of: ({ lists }) => lists, entriesOf: (list) => [[keyOf(list), list]] },
  };
}

export function slotTable(
  map: WritableMap<SlotKey, Slot>,
  kernelLists: KernelLists,
): Table<BackendList> {
  return new SlotTable(map, kernelLists);
}

type Lists = ReadonlyMap<string, BackendList>;

interface Listing {
  readonly image: MapImage<SlotKey, Slot>;
  readonly lists: Lists;
}

class SlotTable implements Table<BackendList> {
  readonly name = 'service-slots';
  readonly #map: WritableMap<SlotKey, Slot>;
  readonly #kernelLists: KernelLists;
  #last: Listing | undefined;
  /** Lists that are not as desired: indexes of all their slots, as listed. */
  readonly #different = new Map<number, readonly number[]>();

  constructor(map: WritableMap<SlotKey, Slot>, kernelLists: KernelLists) {
    this.#map = map;
    this.#kernelLists = kernelLists;
  }

  readonly key = keyOf;

  equal(left: BackendList, right: BackendList): boolean {
    const { backends } = right;
    return (
      left.backends.length === backends.length &&
      left.backends.every((backend, index) => isSame(backend, backends[index]))
    );
  }

  list(desired: Lists): Lists {
    const image = this.#map.image();
    const last = this.#last;
    if (image !== undefined && last?.image.equals(image)) return last.lists;
    const changed = image && last && changedLists(image, last.image);
    const lists = new Map(changed === undefined ? [] : last?.lists);
    if (changed === undefined) this.#forgetAll();
    for (const number of changed ?? []) {
      lists.delete(String(number));
      this.#different.delete(number);
      this.#kernelLists.setComplete(number, false);
    }
    const slots = image === undefined ? this.#map.entries() : slotsIn(image, changed);
    for (const found of readSlots(slots)) {
      const key = keyOf(found);
      lists.set(key, this.#listed(found, desired.get(key)));
    }
    this.#last = image && { image, lists };
    return lists;
  }

  set(lists: readonly BackendList[]): readonly EntryFailure[] {
    try {
      this.#map.setBatch(lists.flatMap(slotsOf));
    } catch {
      // A batch stops at the first slot it cannot set: which lists are complete is not known.
      return writeEach(lists, { key: keyOf, write: (list) => this.#setList(list) });
    }
    return writeEach(lists, { key: keyOf, write: (list) => this.#complete(list) });
  }

  delete(lists: readonly BackendList[]): readonly EntryFailure[] {
    return writeEach(lists, { key: keyOf, write: (list) => this.#deleteList(list) });
  }

  #forgetAll(): void {
    this.#different.clear();
    this.#kernelLists.clearComplete();
  }

  #listed(found: ListedSlots, wanted: BackendList | undefined): BackendList {
    const { number, backends, indexes, isBroken } = found;
    if (!isBroken) this.#kernelLists.setComplete(number, true);
    if (!isBroken && wanted !== undefined && this.equal(found, wanted)) return wanted;
    if (isBroken || wanted !== undefined) this.#different.set(number, indexes);
    // A broken list is like no other.
    return { number, backends: isBroken ? [] : backends };
  }

  #setList(list: BackendList): void {
    const { number } = list;
    try {
      this.#map.setBatch(slotsOf(list));
    } catch (error) {
      this.#kernelLists.setComplete(number, false);
      // Room for shorter lists. If frontends refer to it already, most of it is better than nothing.
      if (!this.#kernelLists.isUsed(number))
        this.#map.deleteBatch(keysOf(number, list.backends.keys()));
      throw namingSize(error, 'services.slotEntries');
    }
    this.#complete(list);
  }

  #complete({ number, backends }: BackendList): void {
    const beyond = this.#different.get(number)?.filter((index) => index >= backends.length);
    if (beyond !== undefined) this.#map.deleteBatch(keysOf(number, beyond));
    this.#different.delete(number);
    this.#kernelLists.setComplete(number, true);
  }

  #deleteList({ number, backends }: BackendList): void {
    if (this.#kernelLists.isUsed(number))
      throw new Error(`list ${number}: a frontend that could not be changed still refers to it`);
    this.#kernelLists.setComplete(number, false);
    this.#map.deleteBatch(keysOf(number, this.#different.get(number) ?? backends.keys()));
    this.#different.delete(number);
  }
}

function keyOf({ number }: BackendList): string {
  return String(number);
}

function slotsOf({ number: list, backends }: BackendList): readonly (readonly [SlotKey, Slot])[] {
  return backends.map(({ number: backend, address, port }, index) => [
    { list, index },
    { address, port, backend, list },
  ]);
}

function keysOf(list: number, indexes: Iterable<number>): readonly SlotKey[] {
  return Array.from(indexes, (index) => ({ list, index }));
}

function isSame(left: ServiceBackend, right: ServiceBackend | undefined): boolean {
  return (
    left.number === right?.number && left.address === right.address && left.port === right.port
  );
}
