// What is wrong with the agent's own ports, folders and pins, in words, by the part that found it. Shown by `heddle status`, and
// in the log when it begins.

export class OwnProblems {
  readonly #byPart = new Map<string, readonly string[]>();

  /** Replaces what this part had to say. */
  set(part: string, texts: readonly string[]): void {
    if (texts.length === 0) this.#byPart.delete(part);
    else this.#byPart.set(part, texts);
  }

  get texts(): readonly string[] {
    return [...this.#byPart.values()].flat();
  }
}
