// Owners of pod ranges, after checked-nodes.ts has checked the Nodes' claims.

import type { Prefix } from '../../net/prefix.ts';
import type { CheckedNode } from '../checked-node.ts';
import type { ModelProblem } from '../desired.ts';
import type { HeldClaims } from '../held-claims.ts';

export interface RangeOwners {
  /** Nodes in order of name. */
  readonly nodes: readonly CheckedNode[];
  /** Node name by pod range; these ranges do not overlap. */
  readonly owners: ReadonlyMap<Prefix, string>;
  /** For the next check. */
  readonly held: HeldClaims;
  readonly problems: readonly ModelProblem[];
}
