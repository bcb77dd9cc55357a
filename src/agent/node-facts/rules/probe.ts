// A packet that must pass the node's hooks for pods to be well, and what is to be said where it does not.

import type { Packet } from './packet.ts';

export interface Probe extends Packet {
  /** For people: `packets of pods to outside the cluster`. */
  readonly what: string;
  readonly hooks: readonly string[];
  /** Dropping it may be meant so: a note, not a problem. */
  readonly isOptional?: true;
  /** Says nothing of its own where this one (its `what`) is dropped by the same chain. */
  readonly beside?: string;
}
