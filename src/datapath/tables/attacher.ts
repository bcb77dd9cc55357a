// What the attachments table needs from the loader: pinned tcx links by interface and hook.

import type { IfIndex } from '../../net/if-index.ts';

/** Program names; the direction follows from the name: `from_*` tcx ingress, `to_*` tcx egress. */
export type Hook = 'from_pod' | 'to_pod' | 'from_network' | 'from_overlay' | 'to_overlay';

export interface Attachment {
  readonly ifName: string;
  readonly ifIndex: IfIndex;
  readonly hook: Hook;
}

export interface AttachedHook extends Attachment {
  /** False: the link still runs a program of an earlier load (after an upgrade), or has lost its interface. */
  readonly current: boolean;
}

export interface Attacher {
  /** Every link of ours, as the kernel has it now. */
  list(): readonly AttachedHook[];
  /** Attaches the loaded program, or puts it into the existing link without a gap. Throws KernelError. */
  attach(attachment: Attachment): void;
  /** What is already gone counts as done. */
  detach(attachment: Attachment): void;
}
