// Problems of the agent's own ports, folders and pins, by the part that found them. `heddle status` shows them, and
// they are logged when they begin.

import type { NodeProblem, ProblemKind } from '../api/problem.ts';

export type OwnPart =
  | 'log'
  | 'stateDir'
  | 'pinDir'
  | 'socket'
  | 'CNI socket'
  | 'health.address'
  | 'metrics.address';

const kinds: Readonly<Record<OwnPart, ProblemKind>> = {
  log: 'log',
  stateDir: 'state-folder',
  pinDir: 'pins',
  socket: 'socket',
  'CNI socket': 'socket',
  'health.address': 'health-port',
  'metrics.address': 'metrics-port',
};

export class OwnProblems {
  readonly #byPart = new Map<OwnPart, string>();

  /** Replaces the problem of this part; undefined if there is none. */
  set(part: OwnPart, text: string | undefined): void {
    if (text === undefined) this.#byPart.delete(part);
    else this.#byPart.set(part, text);
  }

  get all(): readonly NodeProblem[] {
    return Array.from(this.#byPart, ([part, text]) => ({
      kind: kinds[part],
      subject: part,
      text,
    }));
  }
}
