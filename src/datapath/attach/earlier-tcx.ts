// Programs that earlier versions attached by tcx at pods' interfaces, by a pinned link or without one, and their
// removal once the filters are in place. A packet meets one of the two: a program's verdict is final at a pod's
// interface (bpf/pod.bpf.c), so no filter sees packets that it passed. The links of the first versions have programs
// for which this is not true: they get the current program before the filters are added.

import { join } from 'node:path';
import { detachTcxProgram } from '../../kernel/bpf/attach/tcx.ts';
import { BpfLink } from '../../kernel/bpf/link.ts';
import { BpfProgram } from '../../kernel/bpf/program.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { type Attached, type AttachedHook, attachmentKey } from '../attacher.ts';
import { directionOf, hookPoints } from '../hooks.ts';
import { parseLinkPinName, pinNames, unpin } from '../load/pins.ts';
import {
  type Filters,
  isAtPod,
  isPodHook,
  type PodAttacher,
  type PodAttachment,
  type PodHook,
} from './pod-blocks.ts';
import { type OwnProgram, ownTcxPrograms } from './tcx-programs.ts';

export interface EarlierTcxOptions {
  readonly filters: Filters;
  /** The folder of link pins. */
  readonly folder: string;
  program(hook: PodHook): BpfProgram;
}

/** Wraps pods' filters: a hook with anything besides its filter is not as desired. */
export class EarlierTcx implements PodAttacher {
  readonly #options: EarlierTcxOptions;
  /** By attachment. Searched once, at the first listing: nothing attaches such programs while this agent runs. */
  #left: Map<string, readonly OwnProgram[]> | undefined;

  constructor(options: EarlierTcxOptions) {
    this.#options = options;
  }

  list(desired: ReadonlyMap<string, AttachedHook>): readonly Attached<PodAttachment>[] {
    this.#left ??= this.#look(desired);
    const found = this.#options.filters.list(desired);
    return found.map((hook) => (this.#at(hook).length > 0 ? { ...hook, current: false } : hook));
  }

  /**
   * Each removal waits for a grace period with the RTNL lock held, some 10 ms. Throws KernelError if one is refused.
   */
  attachAll(attachments: readonly PodAttachment[]): readonly (Error | undefined)[] {
    const { filters, program } = this.#options;
    const left = attachments.filter((each) => this.#at(each).length > 0);
    for (const each of left) this.#eachLink(each, (link) => link.update(program(each.hook)));
    const outcomes = filters.attachAll(attachments);
    for (const each of left) {
      if (outcomes[attachments.indexOf(each)] === undefined) this.#remove(each);
    }
    return outcomes;
  }

  /** The filters stay (pod-blocks.ts). */
  detach(attachment: PodAttachment): void {
    this.#left?.delete(attachmentKey(attachment));
  }

  #look(desired: ReadonlyMap<string, AttachedHook>): Map<string, readonly OwnProgram[]> {
    const programs = [...desired].map(([key, attachment]) => {
      if (!isAtPod(attachment)) return [key, []] as const;
      return [key, ownTcxPrograms(attachment.ifIndex, directionOf(attachment.hook))] as const;
    });
    const left = new Map(programs.filter(([, found]) => found.length > 0));
    if (left.size === 0) this.#unpin();
    return left;
  }

  #at(attachment: PodAttachment): readonly OwnProgram[] {
    if (this.#left === undefined || this.#left.size === 0) return [];
    return this.#left.get(attachmentKey(attachment)) ?? [];
  }

  #eachLink(attachment: PodAttachment, act: (link: BpfLink) => void): void {
    for (const { linkId } of this.#at(attachment)) {
      if (linkId === 0) continue;
      unlessGone(() => {
        using link = BpfLink.openById(linkId);
        act(link);
      });
    }
  }

  #remove(attachment: PodAttachment): void {
    const { ifIndex, hook } = attachment;
    this.#eachLink(attachment, (link) => link.detach());
    for (const { linkId, programId } of this.#at(attachment)) {
      if (linkId !== 0) continue;
      unlessGone(() => {
        using program = BpfProgram.openById(programId);
        detachTcxProgram({ program, ifIndex, direction: directionOf(hook) });
      });
    }
    this.detach(attachment);
    if (this.#left?.size === 0) this.#unpin();
  }

  // Removes pins of links that are detached now, or were when their interfaces were deleted.
  #unpin(): void {
    const { folder } = this.#options;
    for (const name of pinNames(folder)) {
      const hook = parseLinkPinName(name, hookPoints)?.hook;
      if (hook !== undefined && isPodHook(hook)) unpin(join(folder, name));
    }
  }
}

// ENOLINK: a link whose interface was deleted has no program to replace.
function unlessGone(act: () => void): void {
  try {
    act();
  } catch (error) {
    if (!isKernelError(error, 'ENOENT', 'ENODEV', 'ENOLINK')) throw error;
  }
}
