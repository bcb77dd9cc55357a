// Reads removals of queueing disciplines and filters (struct tcmsg, linux/rtnetlink.h).

import type { IfIndex } from '../../net/if-index.ts';
import { malformed } from './protocol/message.ts';
import { trafficHeaderSize } from './traffic-control.ts';

/** Where it was: at an interface, or in a shared block. */
export type RemovedHook =
  | { readonly at: 'link'; readonly ifIndex: IfIndex }
  | { readonly at: 'block'; readonly block: number };

// TCM_IFINDEX_MAGIC_BLOCK: the parent field contains the number of the block.
const blockIndex = 0xffff_ffff;

/** Reads RTM_DELQDISC and RTM_DELTFILTER. Throws KernelError EBADMSG. */
export function readRemovedHook(payload: Buffer): RemovedHook {
  if (payload.length < trafficHeaderSize) throw malformed(`tc message of ${payload.length} bytes`);
  const ifIndex = payload.readUInt32LE(4);
  if (ifIndex === blockIndex) return { at: 'block', block: payload.readUInt32LE(12) };
  return { at: 'link', ifIndex: ifIndex as IfIndex };
}
