// A pinned link: opening and removing it, and detaching all links of a folder when heddle is uninstalled.

import { readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { attemptRemoval, type ReportRefusal } from '../../base/attempt-removal.ts';
import { BpfLink } from '../../kernel/bpf/link.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { isInBpffs, pinNames, unpin } from '../load/pins.ts';

/** Undefined: nothing is pinned there, or it is not a link. */
export function openLink(path: string): BpfLink | undefined {
  try {
    const link = BpfLink.openPinned(path);
    // Opening also succeeds for a pinned map or program.
    if (/bpf[_-]link/.test(readlinkSync(`/proc/self/fd/${link.fd}`))) return link;
    link[Symbol.dispose]();
    return undefined;
  } catch (error) {
    // EINVAL: pinned, but not a link. EACCES: not a pin but a folder.
    if (isKernelError(error, 'ENOENT', 'EINVAL', 'EACCES')) return undefined;
    throw error;
  }
}

/** Detached first, so that the program stops even while another process has the link open. */
export function removeLink(link: BpfLink, path: string): void {
  link.detach();
  unpin(path);
}

/**
 * Detaches every pinned link and removes the folder's pins. Returns the number of links; 0 outside a bpf file system.
 * An error for one link does not keep others from being detached.
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
  else removeLink(link, path);
  return true;
}
