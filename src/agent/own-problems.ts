// Problems of the agent's own ports, folders and pins, by the part that found them. `heddle status` shows them, and
// they are logged when they begin.

export class OwnProblems {
  readonly #byPart = new Map<string, readonly string[]>();

  /** Replaces the texts of this part. */
  set(part: string, texts: readonly string[]): void {
    if (texts.length === 0) this.#byPart.delete(part);
    else this.#byPart.set(part, texts);
  }

  get texts(): readonly string[] {
    return [...this.#byPart.values()].flat();
  }
}
