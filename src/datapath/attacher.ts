// What the attachments table needs from the loader: programs by what they are attached to.

import { unreachable } from '../base/exhaustive.ts';
import type { IfIndex } from '../net/if-index.ts';
import type { ProgramName } from './generated.ts';

/** One program at one target. `Hook` is the program's name; hooks.ts says which kind of target each program is for. */
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

/** A cgroup: the program decides for every process in it and below. */
export interface CgroupAttachment<Hook extends string = ProgramName> {
  readonly target: 'cgroup';
  /** The cgroup's folder in the cgroup v2 hierarchy. */
  readonly path: string;
  readonly hook: Hook;
}

/** A network namespace: the program decides which of its sockets a packet is for. */
export interface NetnsAttachment<Hook extends string = ProgramName> {
  readonly target: 'netns';
  /** Of the namespace itself, as `/run/netns/NAME`. */
  readonly path: string;
  readonly hook: Hook;
}

/** Identifies an attachment: an interface by its name alone, since one that is made again has another index. */
export type AttachmentName<Hook extends string = ProgramName> =
  | Omit<InterfaceAttachment<Hook>, 'ifIndex'>
  | CgroupAttachment<Hook>
  | NetnsAttachment<Hook>;

/** Of an attachment within its table. No interface has a colon in its name. */
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
   * False: an earlier load's program runs there (after an upgrade), or the link has lost its target, or has another one that
   * had the same name.
   */
  readonly current: boolean;
};

export type AttachedHook<Hook extends string = ProgramName> = Attached<Attachment<Hook>>;

export interface Attacher<Hook extends string = ProgramName> {
  /** Ours, as the kernel has them now: every one that is a link, and of pods' interfaces the desired ones. */
  list(desired: ReadonlyMap<string, AttachedHook<Hook>>): readonly AttachedHook<Hook>[];
  /** Attaches the loaded programs, or puts them into the existing links without a gap. One outcome each: undefined where
   * it was done, else usually a KernelError. */
  attachAll(attachments: readonly Attachment<Hook>[]): readonly (Error | undefined)[];
  /** What is already gone counts as done. */
  detach(attachment: Attachment<Hook>): void;
}
