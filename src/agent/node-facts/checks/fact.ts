// A fact about the node: a condition that must hold for packets of pods to arrive correctly, how to check it, and what
// to do if it does not hold.

import type { ObservedNode } from '../observed/observed-node.ts';

export interface NodeFact {
  /** Stable: a label of the metric, a field of `-o json`, a row of docs/troubleshooting.md. */
  readonly id: string;
  /** The condition. */
  readonly title: string;
  readonly remedy: Remedy;
  /** Returns an empty list if the condition holds. Pure. */
  check(node: ObservedNode): readonly Finding[];
  /** Information worth showing even if the condition holds. */
  describe?(node: ObservedNode): string | undefined;
}

/** Either a table of the data path restores the condition, or an administrator has to. */
export type Remedy = { readonly restoredBy: string } | { readonly text: string };

export interface Finding {
  /** `problem`: packets of pods are certainly lost, misdirected or translated wrongly. `note`: they may be. */
  readonly severity: 'problem' | 'note';
  /** A sentence with names and values. */
  readonly text: string;
}

export function problem(text: string): Finding {
  return { severity: 'problem', text };
}

export function note(text: string): Finding {
  return { severity: 'note', text };
}

/** The first of many similar names, and the number of the others. */
export function some(names: readonly string[], most = 3): string {
  const shown = names.slice(0, most).join(', ');
  return names.length <= most ? shown : `${shown} and ${names.length - most} more`;
}
