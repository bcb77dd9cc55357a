// The bpf(2) commands for links and for programs attached without one, one function each. An interface, so that link
// code can be tested without a kernel.

import { littleEndian } from '../codec.ts';
import { allocateMemory } from '../memory.ts';
import { bpf, type DescriptorCalls, descriptorCalls, objectInfo, returnedU32 } from './bpf.ts';

export interface LinkCreation {
  readonly programFd: number;
  /** Index of an interface, or descriptor of a cgroup or network namespace. */
  readonly target: number;
  /** uapi enum bpf_attach_type. */
  readonly attachType: number;
  readonly flags?: number;
  /** tcx: the link that `flags` orders against. */
  readonly relativeFd?: number;
}

/** A program attached without a link: it is detached when its target is deleted. */
export interface ProgramAttachment {
  readonly programFd: number;
  /** Index of an interface. */
  readonly target: number;
  /** uapi enum bpf_attach_type. */
  readonly attachType: number;
}

/** struct bpf_link_info; the meaning of the words depends on the link's type. */
export interface RawLinkInfo {
  readonly typeNumber: number;
  readonly id: number;
  readonly programId: number;
  /**
   * Of tcx the interface and the attach type, of XDP the interface, of cgroups the id's two halves and the attach type, of
   * network namespaces the inode number and the attach type.
   */
  readonly words: readonly [number, number, number];
}

export interface AttachedProgram {
  readonly programId: number;
  /** 0: attached without a link. */
  readonly linkId: number;
}

export interface QueryResult {
  /** 0 or the negated errno. */
  readonly result: number;
  /** In the order in which they run. */
  readonly programs: readonly AttachedProgram[];
}

/** Every result is zero or positive, or the negated errno. */
export interface LinkCalls extends DescriptorCalls {
  create(creation: LinkCreation): number;
  update(linkFd: number, programFd: number): number;
  detach(linkFd: number): number;
  attachProgram(attachment: ProgramAttachment): number;
  detachProgram(attachment: ProgramAttachment): number;
  info(linkFd: number): RawLinkInfo;
  query(target: number, attachType: number): QueryResult;
}

const maximumPrograms = 64; // BPF_MPROG_MAX, and BPF_CGROUP_MAX_PROGS
const programIds = allocateMemory(maximumPrograms * 4);
const linkIds = allocateMemory(maximumPrograms * 4);

export const linkCalls: LinkCalls = {
  ...descriptorCalls,

  create: ({ programFd, target, attachType, flags = 0, relativeFd = 0 }) =>
    bpf('linkCreate', 32, (to) => {
      to.u32(0, programFd).u32(4, target).u32(8, attachType).u32(12, flags).u32(16, relativeFd);
    }),

  update: (linkFd, programFd) => bpf('linkUpdate', 16, (to) => to.u32(0, linkFd).u32(4, programFd)),

  detach: (linkFd) => bpf('linkDetach', 4, (to) => to.u32(0, linkFd)),

  attachProgram: ({ programFd, target, attachType }) =>
    bpf('programAttach', 32, (to) => to.u32(0, target).u32(4, programFd).u32(8, attachType)),

  detachProgram: ({ programFd, target, attachType }) =>
    bpf('programDetach', 32, (to) => to.u32(0, target).u32(4, programFd).u32(8, attachType)),

  info(linkFd) {
    const view = objectInfo(linkFd, 48, `link fd ${linkFd}`);
    const word = (offset: number) => view.getUint32(offset, littleEndian);
    return {
      typeNumber: word(0),
      id: word(4),
      programId: word(8),
      words: [word(16), word(20), word(24)],
    };
  },

  query(target, attachType) {
    linkIds.bytes.fill(0);
    const result = bpf('programQuery', 64, (to) => {
      to.u32(0, target).u32(4, attachType).u64(16, programIds.address).u32(24, maximumPrograms);
      // Cgroups refuse fields that only tcx knows.
      if (knowsLinkIds(attachType)) to.u64(40, linkIds.address);
    });
    const count = result < 0 ? 0 : returnedU32(24);
    const programs = Array.from({ length: count }, (_, index) => ({
      programId: programIds.view.getUint32(index * 4, littleEndian),
      linkId: linkIds.view.getUint32(index * 4, littleEndian),
    }));
    return { result, programs };
  },
};

function knowsLinkIds(attachType: number): boolean {
  const firstTcx = 46;
  return attachType >= firstTcx;
}
