// The tcx links that run the data path at interfaces, one pin each. A pinned link outlives the agent, and goes with its
// interface; its program is exchanged in place, so that no packet passes unseen.

import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../../base/attempt-removal.ts';
import { attachTcx, type Direction, queryTcx } from '../../kernel/bpf/attach.ts';
import { BpfLink } from '../../kernel/bpf/link.ts';
import type { BpfProgram } from '../../kernel/bpf/program.ts';
import { isKernelError } from '../../kernel/errno.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { AttachedHook, Attacher, Attachment, Hook } from '../attacher.ts';
import { isInBpffs, linkPinName, parseLinkPinName, pinNames, unpin } from '../load/pins.ts';

export interface AttachOptions {
  /** The folder of link pins. */
  readonly folder: string;
  program(hook: Hook): BpfProgram;
}

export class TcxAttacher implements Attacher {
  readonly #options: AttachOptions;
  readonly #programIds = new Map<Hook, number>();

  constructor(options: AttachOptions) {
    this.#options = options;
  }

  list(): readonly AttachedHook[] {
    return pinNames(this.#options.folder).flatMap((name) => {
      const parsed = parseLinkPinName(name);
      using link = parsed && openLink(join(this.#options.folder, name));
      if (parsed === undefined || link === undefined) return [];
      const { ifIndex, programId } = link.info();
      const current = ifIndex !== undefined && programId === this.#programId(parsed.hook);
      // No interface has the index 0.
      return [{ ...parsed, ifIndex: ifIndex ?? (0 as IfIndex), current }];
    });
  }

  attachAll(attachments: readonly Attachment[]): readonly (Error | undefined)[] {
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
   * held: attaching from several threads would gain nothing. Exchanging a program costs 0.1 ms.
   */
  attach(attachment: Attachment): void {
    const { ifName, ifIndex, hook } = attachment;
    const path = join(this.#options.folder, linkPinName(ifName, hook));
    const program = this.#options.program(hook);
    using present = openLink(path);
    if (present?.info().ifIndex === ifIndex) {
      present.update(program);
      return;
    }
    if (present !== undefined) remove(present, path);
    using link = attachOrFind({ program, ifIndex, direction: directionOf(hook) });
    // What is pinned there is no link of ours.
    if (present === undefined) unpin(path);
    link.pin(path);
  }

  detach({ ifName, hook }: Attachment): void {
    const path = join(this.#options.folder, linkPinName(ifName, hook));
    using link = openLink(path);
    if (link !== undefined) remove(link, path);
  }

  #programId(hook: Hook): number {
    const known = this.#programIds.get(hook);
    if (known !== undefined) return known;
    const { id } = this.#options.program(hook).info();
    this.#programIds.set(hook, id);
    return id;
  }
}

interface Place {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  readonly direction: Direction;
}

// The link that runs the program already may have its pin out of reach: in a bpf file system that was unmounted, and that a
// descriptor of some process keeps.
function attachOrFind(place: Place): BpfLink {
  try {
    return attachTcx(place);
  } catch (error) {
    if (!isKernelError(error, 'EEXIST')) throw error;
    const { id } = place.program.info();
    const running = queryTcx(place.ifIndex, place.direction).find(
      ({ programId }) => programId === id,
    );
    // Without a link there is nothing to pin.
    if (running === undefined || running.linkId === 0) throw error;
    return BpfLink.openById(running.linkId);
  }
}

/**
 * Detaches every pinned link and removes the folder's pins; how many links that were. None outside of a bpf file system. What is
 * refused keeps no other link from being detached.
 */
export function detachAll(folder: string, refused: ReportRefusal): number {
  const names = attemptRemoval(folder, refused, () => ownPins(folder)) ?? [];
  return names.filter((name) => {
    const path = join(folder, name);
    return attemptRemoval(path, refused, () => detach(path));
  }).length;
}

function ownPins(folder: string): readonly string[] {
  const names = pinNames(folder);
  return names.length > 0 && isInBpffs(folder) ? names : [];
}

function detach(path: string): boolean {
  using link = openLink(path);
  if (link === undefined) unpin(path);
  else remove(link, path);
  return true;
}

/** `from_*` programs see what comes in by the interface. */
export function directionOf(hook: Hook): Direction {
  return hook.startsWith('from_') ? 'ingress' : 'egress';
}

// A descriptor of a pinned map or program is one as well.
function openLink(path: string): BpfLink | undefined {
  try {
    const link = BpfLink.openPinned(path);
    if (/bpf[_-]link/.test(readlinkSync(`/proc/self/fd/${link.fd}`))) return link;
    link[Symbol.dispose]();
    return undefined;
  } catch (error) {
    // EINVAL: pinned there, and no link. EACCES: no pin at all, but a folder.
    if (isKernelError(error, 'ENOENT', 'EINVAL', 'EACCES')) return undefined;
    throw error;
  }
}

/** Detached first, so that the program stops also while somebody else looks at the link. */
function remove(link: BpfLink, path: string): void {
  link.detach();
  unpin(path);
}
