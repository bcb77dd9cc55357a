// Which node has which pod range, after checked-nodes.ts has looked at what the Nodes claim.

import type { Prefix } from '../net/prefix.ts';
import type { ModelProblem } from './desired.ts';
import type { HeldClaims } from './held-claims.ts';
import type { NetworkNode } from './network-nodes.ts';

/** A Node with what of its claims can be used. */
export interface CheckedNode extends NetworkNode {
  /** It claims ranges, and none of them can be used. */
  readonly lostRanges?: true;
  /** It has InternalIPs, and none of them can be used. */
  readonly lostAddresses?: true;
  /** Ranges that it claims and cannot have for something on the node that checks. */
  readonly occupiedRanges?: readonly Prefix[];
}

export interface RangeOwners {
  /** Nodes in order of name. */
  readonly nodes: readonly CheckedNode[];
  /** Node name by pod range; only ranges that overlap no other. */
  readonly owners: ReadonlyMap<Prefix, string>;
  /** For the next check. */
  readonly held: HeldClaims;
  readonly problems: readonly ModelProblem[];
}
