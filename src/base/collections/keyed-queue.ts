// Runs the tasks of each key one at a time, in order of arrival. Tasks of different keys run concurrently.

export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Settles as the task does. A failed task does not keep later ones from running. */
  run<Result>(key: string, task: () => Promise<Result>): Promise<Result> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const result = before.then(task, task);
    const settled = result.catch(() => undefined);
    this.#last.set(key, settled);
    void settled.then(() => {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    });
    return result;
  }

  /** Number of keys with an unfinished task. */
  get size(): number {
    return this.#last.size;
  }
}
