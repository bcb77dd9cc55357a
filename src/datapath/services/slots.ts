// Map `slots`: the backends of each list. An entry of this table is a whole list, because a frontend cannot use a list of
// which a slot is missing.

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
import { type ReadList, readSlots } from './read-slots.ts';

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

interface Listing {
  readonly image: Buffer;
  readonly lists: ReadonlyMap<string, BackendList>;
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

  list(desired: ReadonlyMap<string, BackendList>): ReadonlyMap<string, BackendList> {
    // Read before the entries: a change in between is in the next image.
    const image = this.#map.image();
    if (image !== undefined && this.#last?.image.equals(image)) return this.#last.lists;
    this.#different.clear();
    const found = readSlots(this.#map.entries());
    const lists = new Map(found.map((list) => this.#listed(list, desired.get(keyOf(list)))));
    const complete = found.filter(({ isBroken }) => !isBroken);
    this.#kernelLists.replaceComplete(complete.map(({ number }) => number));
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

  // A list that differs would be complete for the frontends, but have other backends.
  #listed(found: ReadList, wanted: BackendList | undefined): readonly [string, BackendList] {
    const { number, backends, indexes, isBroken } = found;
    const key = keyOf(found);
    if (!isBroken && wanted !== undefined && this.equal(found, wanted)) return [key, wanted];
    if (isBroken || wanted !== undefined) this.#different.set(number, indexes);
    return [key, { number, backends: isBroken ? [] : backends }];
  }

  #setList(list: BackendList): void {
    const { number } = list;
    try {
      this.#map.setBatch(slotsOf(list));
    } catch (error) {
      // Room for shorter lists. If frontends refer to it already, most of it is better than nothing.
      if (!this.#kernelLists.isUsed(number)) {
        this.#map.deleteBatch(keysOf(number, list.backends.keys()));
        this.#kernelLists.setComplete(number, false);
      }
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
