// A BPF link: the attachment of a program. It exists while a descriptor or a pin refers to it, and its program can be
// replaced atomically, so that no packet bypasses it.

import type { IfIndex } from '../../net/if-index.ts';
import { errnoName, KernelError } from '../errno.ts';
import { type AttachType, attachTypeFromNumber } from './attach-type.ts';
import { bpfChecked, openById } from './bpf.ts';
import { type LinkCalls, type LinkCreation, linkCalls, type RawLinkInfo } from './link-calls.ts';
import type { BpfProgram } from './program.ts';

export type LinkKind = 'cgroup' | 'netns' | 'xdp' | 'tcx' | 'other';

export interface LinkInfo {
  readonly id: number;
  readonly programId: number;
  readonly kind: LinkKind;
  /** For tcx and XDP links; absent after the interface was deleted. */
  readonly ifIndex?: IfIndex;
  /** For cgroup links, the inode number of the cgroup's folder; absent after the cgroup was deleted. */
  readonly cgroupId?: number;
  /** For links of network namespaces, the namespace's inode number; absent after it was deleted. */
  readonly namespaceInode?: number;
  readonly attachType?: AttachType;
}

// uapi enum bpf_link_type
const linkTypes: Readonly<Record<number, LinkKind>> = {
  3: 'cgroup',
  5: 'netns',
  6: 'xdp',
  11: 'tcx',
};

/** Owns its descriptor: disposing of a link without a pin detaches the program. */
export class BpfLink implements Disposable {
  readonly fd: number;
  readonly #calls: LinkCalls;
  #open = true;

  private constructor(fd: number, calls: LinkCalls) {
    this.fd = fd;
    this.#calls = calls;
  }

  /** Takes ownership of the descriptor. */
  static fromFd(fd: number, calls: LinkCalls = linkCalls): BpfLink {
    return new BpfLink(fd, calls);
  }

  /** Throws KernelError ENOENT if nothing is pinned there. */
  static openPinned(path: string, calls: LinkCalls = linkCalls): BpfLink {
    const fd = calls.openPinned(path);
    return new BpfLink(bpfChecked(fd, { call: 'bpf link open', subject: path }), calls);
  }

  /** Throws KernelError ENOENT if there is no such link. */
  static openById(id: number): BpfLink {
    return new BpfLink(openById('link', id), linkCalls);
  }

  /** Keeps the attachment alive under a path in bpffs. Throws KernelError EEXIST if the path exists. */
  pin(path: string): void {
    bpfChecked(this.#calls.pin(this.fd, path), { call: 'bpf link pin', subject: path });
  }

  /** Atomically replaces the program. Throws KernelError ENOLINK after a detach. */
  update(program: BpfProgram): void {
    const result = this.#calls.update(this.fd, program.fd);
    bpfChecked(result, { call: 'bpf link update', subject: `to ${program.name}` });
  }

  /** Detaches the program now, even if others hold the link. Kernel 5.9. */
  detach(): void {
    const result = this.#calls.detach(this.fd);
    bpfChecked(result, { call: 'bpf link detach', subject: `fd ${this.fd}` });
  }

  /** Equivalent to: `bpftool link show`. */
  info(): LinkInfo {
    const { id, programId, typeNumber, words } = this.#calls.info(this.fd);
    const kind = linkTypes[typeNumber] ?? 'other';
    const attachType = attachTypeFromNumber(attachTypeWord(kind, words));
    return {
      id,
      programId,
      kind,
      ...linkTarget(kind, words),
      ...(attachType === undefined ? {} : { attachType }),
    };
  }

  [Symbol.dispose](): void {
    if (this.#open) this.#calls.close(this.fd);
    this.#open = false;
  }
}

/**
 * `subject` and `minimumKernel` are for the error: the program and its target, and the first release that supports it.
 */
export function createLink(
  calls: LinkCalls,
  creation: LinkCreation,
  { subject, minimumKernel }: { readonly subject: string; readonly minimumKernel: string },
): BpfLink {
  const fd = calls.create(creation);
  if (fd >= 0) return BpfLink.fromFd(fd, calls);
  const code = errnoName(fd);
  const reasons: Readonly<Record<string, string>> = {
    EINVAL: `needs Linux ${minimumKernel}`,
    EEXIST: 'this program is already attached',
    EBUSY: 'another program is already attached',
  };
  throw new KernelError({ call: 'bpf link create', subject, code, detail: reasons[code] });
}

function linkTarget(
  kind: LinkKind,
  [first, second]: RawLinkInfo['words'],
): Pick<LinkInfo, 'ifIndex' | 'cgroupId' | 'namespaceInode'> {
  switch (kind) {
    case 'tcx':
    case 'xdp':
      return first === 0 ? {} : { ifIndex: first as IfIndex };
    case 'cgroup': {
      const cgroupId = first + second * 2 ** 32;
      return cgroupId === 0 ? {} : { cgroupId };
    }
    case 'netns':
      return first === 0 ? {} : { namespaceInode: first };
    default:
      return {};
  }
}

function attachTypeWord(kind: LinkKind, words: RawLinkInfo['words']): number {
  switch (kind) {
    case 'tcx':
    case 'netns':
      return words[1];
    case 'cgroup':
      return words[2];
    case 'xdp':
      return 37;
    default:
      return -1;
  }
}
