// Programs at a cgroup: they apply to every process in it and in its descendants.

import { close, open, openFlags } from '../../libc.ts';
import { attachTypes, type CgroupAttachType } from '../attach-type.ts';
import { bpfChecked } from '../bpf.ts';
import { type BpfLink, createLink } from '../link.ts';
import { type LinkCalls, linkCalls } from '../link-calls.ts';
import type { BpfProgram } from '../program.ts';

export interface CgroupOptions {
  readonly program: BpfProgram;
  /** Folder of the cgroup in the cgroup v2 hierarchy. */
  readonly cgroup: string;
  readonly attachType: CgroupAttachType;
  readonly calls?: LinkCalls;
}

/**
 * Runs in addition to programs attached there before. Also used for sock_ops. Throws KernelError ENOENT if there is no
 * such folder.
 */
export function attachCgroup(options: CgroupOptions): BpfLink {
  const { program, cgroup, attachType, calls = linkCalls } = options;
  const target = open(cgroup, openFlags.readOnly);
  try {
    const creation = { programFd: program.fd, target, attachType: attachTypes[attachType].number };
    return createLink(calls, creation, {
      subject: `${program.name} as ${attachType} of ${cgroup}`,
      minimumKernel: attachTypes[attachType].minimumKernel,
    });
  } finally {
    close(target);
  }
}

/** Identifiers of the programs attached to this cgroup itself. Equivalent to: `bpftool cgroup show`. Throws KernelError. */
export function queryCgroup(
  cgroup: string,
  attachType: CgroupAttachType,
  calls: LinkCalls = linkCalls,
): readonly number[] {
  const target = open(cgroup, openFlags.readOnly);
  try {
    const { result, programs } = calls.query(target, attachTypes[attachType].number);
    bpfChecked(result, { call: 'bpf query', subject: `${attachType} of ${cgroup}` });
    return programs.map(({ programId }) => programId);
  } finally {
    close(target);
  }
}
