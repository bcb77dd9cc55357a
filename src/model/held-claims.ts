// What each Node had when the Nodes were last checked, which it keeps as long as it claims it. Age alone would not do: a
// kubelet may write its own Node's addresses at any time, and an old Node would take a younger one's address, or with one
// address in its range the whole range.

import type { Address } from '../net/address.ts';
import type { Prefix } from '../net/prefix.ts';
import type { NetworkNode } from './network-nodes.ts';

/** By address or range: name and uid of the Node that has it. */
export type HeldClaims = ReadonlyMap<Address | Prefix, string>;

/** Of an agent that has just started: the older Node has it. */
export const nothingHeld: HeldClaims = new Map();

/** Another for a Node that was deleted and made again. */
export function holderOf({ name, uid = '' }: Pick<NetworkNode, 'name' | 'uid'>): string {
  return `${name} ${uid}`;
}

/** Of what was found usable; `before` itself where nothing of it changed. */
export function heldClaims(nodes: readonly NetworkNode[], before: HeldClaims): HeldClaims {
  const held = new Map<Address | Prefix, string>();
  let isSame = true;
  for (const node of nodes) {
    const holder = holderOf(node);
    for (const claim of [...node.addresses, ...node.podCidrs]) {
      held.set(claim, holder);
      isSame &&= before.get(claim) === holder;
    }
  }
  return isSame && held.size === before.size ? before : held;
}
