// A Node with some unusable values and a usable rest, such as one invalid range among valid ones.

import { InputError, type InputProblem } from '../base/input-error.ts';
import type { ClusterNode } from './objects.ts';

export class FlawedNodeError extends InputError {
  /** The Node without its invalid values, used if no valid version is known. */
  readonly rest: ClusterNode;

  constructor(problem: InputProblem, rest: ClusterNode) {
    super(problem);
    this.rest = rest;
  }
}

/** Consequence shown while a Node has a flaw and no version without one is known. */
export const flawConsequence = 'this value is ignored; the rest of the object is used';

/** The usable rest of a flawed object; `T`: the type that the caller reads from its text. */
export function restOf<T extends object>(error: InputError): T | undefined {
  return error instanceof FlawedNodeError ? (error.rest as object as T) : undefined;
}
