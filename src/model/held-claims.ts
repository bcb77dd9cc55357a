// Claims that each Node held at the last check and keeps while it claims them. Age alone is not enough: a kubelet may
// change its own Node's addresses at any time, and an old Node would take a younger one's address, or by one address in
// its range the whole range. A Node that is deleted and recreated is the youngest: for some time its former claims are
// withheld from Nodes that claimed them before the deletion. Other Nodes may get them immediately, as Kubernetes
// assigns a free range to the next Node.

import type { Address } from '../net/address.ts';
import { hostPrefix, type Prefix } from '../net/prefix.ts';
import type { NetworkNode, NetworkNodes } from './network-nodes.ts';
import { type OrderedPrefix, orderedPrefix, overlap } from './prefix-order.ts';

type Claim = Address | Prefix;

export interface HeldClaims {
  /** By claim: `holderOf` its Node. */
  readonly holders: ReadonlyMap<Claim, string>;
  /** Claims of Nodes deleted since. */
  readonly gone: ReadonlyMap<Claim, GoneClaim>;
  /** `contestOf` each claim that was refused because of another Node's current or former claim. */
  readonly contested: ReadonlySet<string>;
}

interface GoneClaim {
  readonly holder: string;
  readonly ordered: OrderedPrefix;
  /** Absent until `agedClaims` has seen it. */
  readonly until?: number;
}

/** For an agent that has just started: the older Node wins. */
export const nothingHeld: HeldClaims = {
  holders: new Map(),
  gone: new Map(),
  contested: new Set(),
};

/** A Node that is recreated needs its kubelet, and a person who restarts it, no longer than this. */
const keptMinutes = 15;
// Limits the memory for Nodes that are created and deleted endlessly.
const goneAtMost = 10_000;

type Named = Pick<NetworkNode, 'name' | 'uid'>;

function holderOf({ name, uid = '' }: Named): string {
  return `${name} ${uid}`;
}

function nameOf(holder: string): string {
  return holder.slice(0, holder.indexOf(' '));
}

export function contestOf(claim: Claim, node: string): string {
  return `${node} ${claim}`;
}

/** Whether a Node of that name had it at the last check, or before it was deleted. */
export function wasHeldBy({ holders, gone }: HeldClaims, claim: Claim, node: string): boolean {
  const holder = holders.get(claim) ?? gone.get(claim)?.holder;
  return holder !== undefined && nameOf(holder) === node;
}

/** Why a Node does not get a claim that it made in vain before. */
export function keptFlaw(
  { gone, contested }: HeldClaims,
  claim: Claim,
  node: string,
): string | undefined {
  if (gone.size === 0 || !contested.has(contestOf(claim, node))) return undefined;
  const ordered = orderedOf(claim);
  for (const [what, each] of gone) {
    const name = nameOf(each.holder);
    if (name === node || !overlap(each.ordered, ordered)) continue;
    return `is or overlaps ${what} of Node ${name}, which was deleted: reserved for ${keptMinutes} min for a Node with that name`;
  }
  return undefined;
}

/** Before a check: adds the claims of Nodes that no longer exist. */
export function withGone(held: HeldClaims, nodes: NetworkNodes): HeldClaims {
  const isKept = (claim: Claim, holder: string): boolean => {
    const node = nodes.get(nameOf(holder));
    if (node === undefined) return true;
    // Recreated, and its claims are not known yet.
    const has = claim.includes('/') ? node.podCidrs : node.addresses;
    return holderOf(node) !== holder && has.length === 0;
  };
  const known = Array.from(held.gone).filter(([claim, { holder }]) => isKept(claim, holder));
  const added = Array.from(held.holders)
    .filter(([claim, holder]) => isKept(claim, holder))
    .map(([claim, holder]) => [claim, { holder, ordered: orderedOf(claim) }] as const);
  if (added.length === 0 && known.length === held.gone.size) return held;
  return { ...held, gone: new Map([...known, ...added].slice(0, goneAtMost)) };
}

/** After a check: the accepted claims; `before` itself if nothing changed. */
export function heldClaims(
  nodes: readonly NetworkNode[],
  before: HeldClaims,
  contested: ReadonlySet<string>,
): HeldClaims {
  const found = new Map<Claim, string>();
  let isSame = true;
  for (const node of nodes) {
    const holder = holderOf(node);
    for (const claim of [...node.addresses, ...node.podCidrs]) {
      found.set(claim, holder);
      isSame &&= before.holders.get(claim) === holder;
    }
  }
  const holders = isSame && found.size === before.holders.size ? before.holders : found;
  const stillGone = Array.from(before.gone).filter(([claim]) => !found.has(claim));
  const gone = stillGone.length === before.gone.size ? before.gone : new Map(stillGone);
  const sameContests =
    contested.size === before.contested.size &&
    [...contested].every((contest) => before.contested.has(contest));
  const isUnchanged = holders === before.holders && gone === before.gone && sameContests;
  return isUnchanged ? before : { holders, gone, contested };
}

/** Removes claims that were withheld long enough; the same object if nothing changes. The model itself has no clock. */
export function agedClaims(held: HeldClaims, nowMs: number): HeldClaims {
  const all = Array.from(held.gone);
  if (all.every(([, { until }]) => until !== undefined && until > nowMs)) return held;
  const dated = all.map(
    ([claim, { until = nowMs + keptMinutes * 60_000, ...rest }]) =>
      [claim, { ...rest, until }] as const,
  );
  return { ...held, gone: new Map(dated.filter(([, { until }]) => until > nowMs)) };
}

function orderedOf(claim: Claim): OrderedPrefix {
  return orderedPrefix(claim.includes('/') ? (claim as Prefix) : hostPrefix(claim as Address));
}
