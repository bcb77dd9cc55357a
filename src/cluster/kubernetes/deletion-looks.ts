// Deletions that are reported while another answer is under way, which may be older.

/** As long as it is not disposed of, it learns whether the object was deleted. */
export interface DeletionLook extends Disposable {
  readonly isDeleted: boolean;
}

export class DeletionLooks {
  /** Few: of pods whose ADD waits. */
  readonly #looks = new Set<{ readonly key: string; isDeleted: boolean }>();

  begin(key: string): DeletionLook {
    const look = { key, isDeleted: false };
    this.#looks.add(look);
    return Object.assign(look, { [Symbol.dispose]: () => void this.#looks.delete(look) });
  }

  deleted(key: string): void {
    for (const look of this.#looks) if (look.key === key) look.isDeleted = true;
  }

  /** A full list had only these. */
  listed(keys: { has(key: string): boolean }): void {
    for (const look of this.#looks) if (!keys.has(look.key)) look.isDeleted = true;
  }
}
