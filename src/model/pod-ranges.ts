// Which node owns which pod range. Ranges must not overlap; where manifests say otherwise the first node by name keeps
// its range and the other's is left out on every node alike, so that all agents agree.

import { memoize } from '../base/memoize.ts';
import {
  makePrefix,
  type Prefix,
  prefixAddress,
  prefixFamily,
  prefixLength,
} from '../net/prefix.ts';
import type { ModelProblem } from './desired.ts';
import type { NetworkNode } from './network-nodes.ts';

export interface RangeOwners {
  /** Nodes in order of name. */
  readonly nodes: readonly NetworkNode[];
  /** Node name by pod range; only ranges that overlap no other. */
  readonly owners: ReadonlyMap<Prefix, string>;
  readonly problems: readonly ModelProblem[];
}

export const rangeOwners: (nodes: ReadonlyMap<string, NetworkNode>) => RangeOwners =
  memoize(assignRanges);

interface Claim {
  readonly node: string;
  readonly prefix: Prefix;
}

function assignRanges(nodes: ReadonlyMap<string, NetworkNode>): RangeOwners {
  const sorted = [...nodes.values()].sort((left, right) => (left.name < right.name ? -1 : 1));
  const claims = sorted.flatMap(({ name, podCidrs }) =>
    podCidrs.map((prefix) => ({ node: name, prefix })),
  );
  const overlaps = new OverlapFinder(claims.map(({ prefix }) => prefix));
  const problems: ModelProblem[] = [];
  const owners = new Map<Prefix, string>();
  for (const claim of claims) {
    const other = overlaps.add(claim);
    if (other === undefined) owners.set(claim.prefix, claim.node);
    else {
      problems.push({
        object: `${claim.node} ${claim.prefix}`,
        text: `overlaps ${other.prefix} of ${other.node}, which keeps it: this range is not used`,
      });
    }
  }
  return { nodes: sorted, owners, problems };
}

// Looks only at the few lengths that occur, instead of comparing every range with every other.
class OverlapFinder {
  readonly #lengths: ReadonlyMap<4 | 6, readonly number[]>;
  readonly #accepted = new Map<Prefix, Claim>();
  /** Every wider prefix (of the lengths that occur) that holds an accepted one. */
  readonly #holding = new Map<Prefix, Claim>();

  constructor(prefixes: readonly Prefix[]) {
    const lengths = new Map<4 | 6, Set<number>>([
      [4, new Set()],
      [6, new Set()],
    ]);
    for (const prefix of prefixes) lengths.get(prefixFamily(prefix))?.add(prefixLength(prefix));
    this.#lengths = new Map(Array.from(lengths, ([family, set]) => [family, [...set]]));
  }

  /** The accepted claim this one overlaps; undefined when it is accepted itself. */
  add(claim: Claim): Claim | undefined {
    const wider = this.#widerPrefixes(claim.prefix);
    const other =
      this.#accepted.get(claim.prefix) ??
      this.#holding.get(claim.prefix) ??
      wider.map((prefix) => this.#accepted.get(prefix)).find((found) => found !== undefined);
    if (other !== undefined) return other;
    this.#accepted.set(claim.prefix, claim);
    for (const prefix of wider) if (!this.#holding.has(prefix)) this.#holding.set(prefix, claim);
    return undefined;
  }

  #widerPrefixes(prefix: Prefix): readonly Prefix[] {
    const own = prefixLength(prefix);
    const lengths = this.#lengths.get(prefixFamily(prefix)) ?? [];
    return lengths
      .filter((length) => length < own)
      .map((length) => makePrefix(prefixAddress(prefix), length));
  }
}
