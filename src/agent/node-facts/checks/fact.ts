// What a fact about the node is: something that must hold for pods' packets to arrive where they should and look as they
// should, how to see whether it does, and what to do where it does not.

import type { ObservedNode } from '../observed/observed-node.ts';

export interface NodeFact {
  /** Stable: a label of the metric, a field of `-o json`, a row of docs/troubleshooting.md. */
  readonly id: string;
  /** What holds when all is well. */
  readonly title: string;
  readonly remedy: Remedy;
  /** Empty: all is well. Pure. */
  check(node: ObservedNode): readonly Finding[];
  /** What is worth knowing where all is well. */
  describe?(node: ObservedNode): string | undefined;
}

/** Either a table of the data path restores it, or it is for a person to do. */
export type Remedy = { readonly restoredBy: string } | { readonly text: string };

export interface Finding {
  /** `problem`: pods' packets certainly stop, go astray or are translated wrongly. `note`: they may. */
  readonly severity: 'problem' | 'note';
  /** What is so, with names and values. */
  readonly text: string;
}

export function problem(text: string): Finding {
  return { severity: 'problem', text };
}

export function note(text: string): Finding {
  return { severity: 'note', text };
}

/** The first of many alike, and how many more there are. */
export function some(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}
