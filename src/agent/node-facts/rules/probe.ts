// A packet that must pass the node's hooks, and the text if it does not.

import type { Packet } from './packet.ts';

export interface Probe extends Packet {
  /** Text for users: `packets of pods to outside the cluster`. */
  readonly what: string;
  readonly hooks: readonly string[];
  /** Dropping it may be intended: a note, not a problem. */
  readonly isOptional?: true;
  /** Not reported if the same chain drops the probe with this `what`. */
  readonly beside?: string;
}
