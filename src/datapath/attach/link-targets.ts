// The kinds of targets of links: creating a link, and checking whether a link still has the target that its pin names.
// Interfaces, cgroups and namespaces are deleted and recreated under the same name.

import { unreachable } from '../../base/exhaustive.ts';
import { fileStatus } from '../../base/file-status.ts';
import { attachCgroup } from '../../kernel/bpf/attach/cgroup.ts';
import { attachSkLookup } from '../../kernel/bpf/attach/netns.ts';
import { attachTcx, queryTcx, type TcxProgramOptions } from '../../kernel/bpf/attach/tcx.ts';
import { BpfLink, type LinkInfo } from '../../kernel/bpf/link.ts';
import type { BpfProgram } from '../../kernel/bpf/program.ts';
import { isKernelError } from '../../kernel/errno.ts';
import { NetworkNamespace } from '../../kernel/namespace.ts';
import type { IfIndex } from '../../net/if-index.ts';
import type { AttachedHook, Attachment, AttachmentName } from '../attacher.ts';
import type { HookPoint } from '../hooks.ts';

export interface LinkCreationOptions {
  readonly attachment: Attachment<string>;
  readonly program: BpfProgram;
  /** Hook point of the program. */
  readonly point: HookPoint;
}

/** Throws KernelError: ENODEV or ENOENT if there is no such target. */
export function attachLink({ attachment, program, point }: LinkCreationOptions): BpfLink {
  if (attachment.target === 'interface' && point.target === 'interface') {
    const { ifIndex } = attachment;
    return attachOrFind({ program, ifIndex, direction: point.direction });
  }
  if (attachment.target === 'cgroup' && point.target === 'cgroup') {
    const { path: cgroup } = attachment;
    return attachCgroup({ program, cgroup, attachType: point.attachType });
  }
  if (attachment.target === 'netns' && point.target === 'netns') {
    using namespace = NetworkNamespace.open(attachment.path);
    return attachSkLookup({ program, namespaceFd: namespace.fd });
  }
  throw new Error(`${attachment.hook} is for the target ${point.target}, not ${attachment.target}`);
}

/** Whether the link has this very target, not an earlier one of the same name. */
export function isAt(attachment: Attachment<string>, info: LinkInfo): boolean {
  switch (attachment.target) {
    case 'interface':
      return info.ifIndex === attachment.ifIndex;
    case 'cgroup':
      return info.cgroupId !== undefined && info.cgroupId === inodeOf(attachment.path);
    case 'netns':
      return info.namespaceInode !== undefined && info.namespaceInode === inodeOf(attachment.path);
    default:
      return unreachable(attachment);
  }
}

/** The attachment of a pinned link. `isLoaded`: it runs the loaded program. */
export function attachedLink<Hook extends string>(
  place: AttachmentName<Hook>,
  info: LinkInfo,
  isLoaded: boolean,
): AttachedHook<Hook> {
  if (place.target !== 'interface') return { ...place, current: isLoaded && isAt(place, info) };
  const { ifIndex } = info;
  // No interface has the index 0.
  return {
    ...place,
    ifIndex: ifIndex ?? (0 as IfIndex),
    current: isLoaded && ifIndex !== undefined,
  };
}

// Id of the cgroup or namespace: both are the inode number of their files.
function inodeOf(path: string): number | undefined {
  return fileStatus(path)?.ino;
}

// The pin of a link that already runs the program may be out of reach: in a bpf file system that was unmounted but is
// kept by a descriptor of some process.
function attachOrFind(place: TcxProgramOptions): BpfLink {
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
