// A Node of which single values cannot be used while the rest of it can: one bad range among good ones.

import { InputError, type InputProblem } from '../base/input-error.ts';
import type { ClusterNode } from './objects.ts';

export class FlawedNodeError extends InputError {
  /** The Node without its bad values: used where no good version of it is known. */
  readonly rest: ClusterNode;

  constructor(problem: InputProblem, rest: ClusterNode) {
    super(problem);
    this.rest = rest;
  }
}

/** What holds while a Node has a flaw and no version without one is known. */
export const flawConsequence = 'this value is left out; the rest of this object is used';
