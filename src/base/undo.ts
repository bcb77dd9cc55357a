// Rollback as structure: each step of a multi-step wiring pushes its undo, and `keep()` at the end keeps the result.
// Without `keep()`, leaving the `using` scope runs the undos in reverse order.

export class UndoStack {
  #undos: (() => void)[] = [];

  push(undo: () => void): void {
    this.#undos.push(undo);
  }

  /** Adds a resource, if there is one: it is disposed of on rollback. */
  use<Resource extends Disposable | undefined>(resource: Resource): Resource {
    this.push(() => resource?.[Symbol.dispose]());
    return resource;
  }

  keep(): void {
    this.#undos = [];
  }

  /** Runs every undo. The errors of those that fail are thrown together at the end. */
  [Symbol.dispose](): void {
    const errors: unknown[] = [];
    for (const undo of this.#undos.reverse()) {
      try {
        undo();
      } catch (error) {
        errors.push(error);
      }
    }
    this.#undos = [];
    if (errors.length === 1) throw errors[0];
    if (errors.length > 1)
      throw new AggregateError(errors, `${errors.length} steps could not be undone`);
  }
}
