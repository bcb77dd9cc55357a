// Programs at a cgroup: they decide for every process in it and in the cgroups below.

import { close, open, openFlags } from '../../libc.ts';
import { attachTypes, type CgroupAttachType } from '../attach-type.ts';
import { bpfChecked } from '../bpf.ts';
import { type BpfLink, createLink } from '../link.ts';
import { type LinkCalls, linkCalls } from '../link-calls.ts';
import type { BpfProgram } from '../program.ts';

export interface CgroupOptions {
  readonly program: BpfProgram;
  /** The cgroup's folder in the cgroup v2 hierarchy. */
  readonly cgroup: string;
  readonly attachType: CgroupAttachType;
  readonly calls?: LinkCalls;
}

/** Runs beside programs that were attached there before. Of kind sock_ops too. Throws KernelError ENOENT without such a folder. */
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
