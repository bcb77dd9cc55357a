// The interface between the attachments table and the loader: programs by their targets.

import { unreachable } from '../base/exhaustive.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { ProgramName } from './generated.ts';

/** One program at one target. `Hook` is the program's name; hooks.ts has the kind of target for each program. */
export type Attachment<Hook extends string = ProgramName> =
  | InterfaceAttachment<Hook>
  | CgroupAttachment<Hook>
  | NetnsAttachment<Hook>;

/** An interface in the namespace of the calling thread. */
export interface InterfaceAttachment<Hook extends string = ProgramName> {
  readonly target: 'interface';
  readonly ifName: string;
  readonly ifIndex: IfIndex;
  readonly hook: Hook;
}

/** A cgroup: the program applies to every process in it and its descendants. */
export interface CgroupAttachment<Hook extends string = ProgramName> {
  readonly target: 'cgroup';
  /** Folder of the cgroup in the cgroup v2 hierarchy. */
  readonly path: string;
  readonly hook: Hook;
}

/** A network namespace: the program chooses which of its sockets receives a packet. */
export interface NetnsAttachment<Hook extends string = ProgramName> {
  readonly target: 'netns';
  /** Path of the namespace itself, such as `/run/netns/NAME`. */
  readonly path: string;
  readonly hook: Hook;
}

/** Identifies an attachment: an interface only by its name, because a recreated one has another index. */
export type AttachmentName<Hook extends string = ProgramName> =
  | Omit<InterfaceAttachment<Hook>, 'ifIndex'>
  | CgroupAttachment<Hook>
  | NetnsAttachment<Hook>;

/** Key of an attachment within its table. No interface has a colon in its name. */
export function attachmentKey(attachment: AttachmentName<string>): string {
  switch (attachment.target) {
    case 'interface':
      return `${attachment.ifName}/${attachment.hook}`;
    case 'cgroup':
    case 'netns':
      return `${attachment.target}:${attachment.path}/${attachment.hook}`;
    default:
      return unreachable(attachment);
  }
}

export type Attached<Place extends Attachment<string>> = Place & {
  /**
   * False: an earlier load's program runs there (after an upgrade), or the link has lost its target, or has an earlier
   * target of the same name.
   */
  readonly current: boolean;
};

export type AttachedHook<Hook extends string = ProgramName> = Attached<Attachment<Hook>>;

export interface Attacher<Hook extends string = ProgramName> {
  /** heddle's attachments in the kernel: all links, and for pods' interfaces the desired ones. */
  list(desired: ReadonlyMap<string, AttachedHook<Hook>>): readonly AttachedHook<Hook>[];
  /**
   * Attaches the loaded programs, or replaces them in existing links without a gap. One outcome each: undefined on
   * success, otherwise usually a KernelError.
   */
  attachAll(attachments: readonly Attachment<Hook>[]): readonly (Error | undefined)[];
  /** An attachment that no longer exists counts as done. */
  detach(attachment: Attachment<Hook>): void;
}
