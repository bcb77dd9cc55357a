// Problems of one file or directory: the first ones with text, the others as a count. A file can contain a hundred
// thousand.

import type { SourceProblem } from './state.ts';

export class BoundedProblems {
  readonly #most: number;
  readonly #where: string;
  readonly #first: SourceProblem[] = [];
  #others = 0;

  /** @param where the file or directory, as shown to users */
  constructor(most: number, where: string) {
    this.#most = most;
    this.#where = where;
  }

  add(problem: SourceProblem): void {
    if (this.#first.length < this.#most) this.#first.push(problem);
    else this.#others += problem.count ?? 1;
  }

  get all(): readonly SourceProblem[] {
    if (this.#others === 0) return this.#first;
    const text = `${this.#where}: has ${this.#others} more problems`;
    const consequence = 'the last good versions stay in force';
    const more = { subject: this.#where, text, consequence, count: this.#others };
    return [...this.#first, more];
  }
}
