// The links that run the data path at interfaces of the node, cgroups and network namespaces, one pin each. A pinned
// link outlives the agent and is deleted with its target. Its program is replaced atomically, so that no packet
// bypasses it.

import { join } from 'node:path';
import type { BpfProgram } from '../../kernel/bpf/program.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { AttachedHook, Attacher, Attachment } from '../attacher.ts';
import type { ProgramName } from '../generated.ts';
import type { HookPoints } from '../hooks.ts';
import { linkPinName, parseLinkPinName, pinNames, unpin } from '../load/pins.ts';
import { attachedLink, attachLink, isAt } from './link-targets.ts';
import { openLink, removeLink } from './pinned-link.ts';

export interface LinkAttacherOptions<Hook extends string> {
  /** The folder of link pins. */
  readonly folder: string;
  /** A pin whose program is not among these is left alone. */
  readonly hooks: HookPoints<Hook>;
  program(hook: Hook): BpfProgram;
}

export class LinkAttacher<Hook extends string = ProgramName> implements Attacher<Hook> {
  readonly #options: LinkAttacherOptions<Hook>;
  readonly #programIds = new Map<Hook, number>();

  constructor(options: LinkAttacherOptions<Hook>) {
    this.#options = options;
  }

  list(): readonly AttachedHook<Hook>[] {
    const { folder, hooks } = this.#options;
    return pinNames(folder).flatMap((name) => {
      const place = parseLinkPinName(name, hooks);
      using link = place && openLink(join(folder, name));
      if (place === undefined || link === undefined) return [];
      const info = link.info();
      return [attachedLink(place, info, info.programId === this.#programId(place.hook))];
    });
  }

  attachAll(attachments: readonly Attachment<Hook>[]): readonly (Error | undefined)[] {
    return attachments.map((attachment) => {
      try {
        this.attach(attachment);
        return undefined;
      } catch (error) {
        if (isKernelError(error)) return error;
        throw error;
      }
    });
  }

  /**
   * The first program at an interface's hook costs 8-15 ms, in which the kernel waits for all CPUs with the RTNL lock
   * held, so several threads would not help. Replacing a program costs 0.1 ms.
   */
  attach(attachment: Attachment<Hook>): void {
    const { folder, hooks } = this.#options;
    const path = join(folder, linkPinName(attachment));
    const program = this.#options.program(attachment.hook);
    using present = openLink(path);
    if (present !== undefined && isAt(attachment, present.info())) {
      present.update(program);
      return;
    }
    if (present !== undefined) removeLink(present, path);
    using link = attachLink({ attachment, program, point: hooks[attachment.hook] });
    // The object pinned there is not heddle's link.
    if (present === undefined) unpin(path);
    link.pin(path);
  }

  detach(attachment: Attachment<Hook>): void {
    const path = join(this.#options.folder, linkPinName(attachment));
    using link = openLink(path);
    if (link !== undefined) removeLink(link, path);
  }

  #programId(hook: Hook): number {
    const known = this.#programIds.get(hook);
    if (known !== undefined) return known;
    const { id } = this.#options.program(hook).info();
    this.#programIds.set(hook, id);
    return id;
  }
}
