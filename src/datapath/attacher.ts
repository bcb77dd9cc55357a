// What the attachments table needs from the loader: programs by interface and hook.

import type { IfIndex } from '../net/if-index.ts';

/** Program names; the direction follows from the name: `from_*` ingress, `to_*` egress. */
export type Hook = 'from_pod' | 'to_pod' | 'from_network' | 'from_overlay' | 'to_overlay';

export interface Attachment {
  readonly ifName: string;
  readonly ifIndex: IfIndex;
  readonly hook: Hook;
}

/** Of an attachment within its table. */
export function attachmentKey({ ifName, hook }: Pick<Attachment, 'ifName' | 'hook'>): string {
  return `${ifName}/${hook}`;
}

export interface AttachedHook extends Attachment {
  /** False: what runs there is a program of an earlier load (after an upgrade), or the link has lost its interface. */
  readonly current: boolean;
}

export interface Attacher {
  /** Ours, as the kernel has them now: every one at the node's interfaces, the desired ones at pods'. */
  list(desired: ReadonlyMap<string, AttachedHook>): readonly AttachedHook[];
  /** Attaches the loaded programs, or puts them into the existing links without a gap. One outcome each: undefined where
   * it was done, else usually a KernelError. */
  attachAll(attachments: readonly Attachment[]): readonly (Error | undefined)[];
  /** What is already gone counts as done. */
  detach(attachment: Attachment): void;
}
