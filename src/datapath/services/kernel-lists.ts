// What the tables of slots and of frontends know of each other: a frontend is written after its lists, and a list is
// deleted after the frontends that refer to it, even if some of these writes fail.

import { choiceKind, type ServiceEntry } from '../generated.ts';

export class KernelLists {
  /** Lists of which every slot is in the kernel. */
  readonly #complete = new Set<number>();
  /** Frontends in the kernel, by key. */
  readonly #frontends = new Map<string, ServiceEntry>();
  /** Number of references from frontends in the kernel. */
  readonly #references = new Map<number, number>();

  isComplete(list: number): boolean {
    return this.#complete.has(list);
  }

  /** Whether a frontend in the kernel refers to it. */
  isUsed(list: number): boolean {
    return this.#references.has(list);
  }

  setComplete(list: number, isComplete: boolean): void {
    if (isComplete) this.#complete.add(list);
    else this.#complete.delete(list);
  }

  clearComplete(): void {
    this.#complete.clear();
  }

  /** Undefined: the kernel has no such frontend. */
  setFrontend(key: string, entry: ServiceEntry | undefined): void {
    const before = this.#frontends.get(key);
    if (entry === undefined) this.#frontends.delete(key);
    else this.#frontends.set(key, entry);
    if (entry !== undefined) for (const list of listsIn(entry)) this.#count(list, 1);
    if (before !== undefined) for (const list of listsIn(before)) this.#count(list, -1);
  }

  /** A listing of frontends. */
  replaceFrontends(all: ReadonlyMap<string, { readonly value: ServiceEntry }>): void {
    for (const [key, { value }] of all)
      if (this.#frontends.get(key) !== value) this.setFrontend(key, value);
    if (this.#frontends.size === all.size) return;
    for (const key of this.#frontends.keys()) if (!all.has(key)) this.setFrontend(key, undefined);
  }

  #count(list: number, difference: number): void {
    const count = (this.#references.get(list) ?? 0) + difference;
    if (count === 0) this.#references.delete(list);
    else this.#references.set(list, count);
  }
}

export function listsIn({ inside, outside }: ServiceEntry): readonly number[] {
  const lists: number[] = [];
  if (inside.kind === choiceKind.backends) lists.push(inside.list);
  if (outside.kind === choiceKind.backends) lists.push(outside.list);
  return lists;
}
