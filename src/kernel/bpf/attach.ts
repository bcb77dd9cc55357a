// Attaching programs: each function makes one link, but for those of tcx that need none. Interfaces are looked up in the caller's network namespace.

import type { IfIndex } from '../../net/if-index.ts';
import { close, open, openFlags } from '../libc.ts';
import { attachTypes, type CgroupAttachType } from './attach-type.ts';
import { bpfChecked } from './bpf.ts';
import { type BpfLink, createLink } from './link.ts';
import {
  type AttachedProgram,
  type LinkCalls,
  linkCalls,
  type ProgramAttachment,
} from './link-calls.ts';
import type { BpfProgram } from './program.ts';

export type Direction = 'ingress' | 'egress';

export interface TcxOptions {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  readonly direction: Direction;
  /** Runs before this one. Without `before`, `after` and `first` it runs last. */
  readonly before?: BpfLink;
  readonly after?: BpfLink;
  /** Runs before all that are there now. */
  readonly first?: boolean;
  readonly calls?: LinkCalls;
}

const tcxFlags = { before: 1 << 3, after: 1 << 4, relativeToLink: 1 << 13 } as const;

/** Kernel 6.6. Throws KernelError ENODEV when there is no such interface. */
export function attachTcx(options: TcxOptions): BpfLink {
  const { program, ifIndex, direction, before, after, first, calls = linkCalls } = options;
  const relative = before ?? after;
  const place = before !== undefined || first === true ? tcxFlags.before : 0;
  const flags =
    place | (after === undefined ? 0 : tcxFlags.after) | (relative ? tcxFlags.relativeToLink : 0);
  const creation = {
    programFd: program.fd,
    target: ifIndex,
    attachType: attachTypes[`tcx_${direction}`].number,
    flags,
    ...(relative === undefined ? {} : { relativeFd: relative.fd }),
  };
  return createLink(calls, creation, {
    subject: `${program.name} at tcx ${direction} of interface ${ifIndex}`,
    minimumKernel: attachTypes[`tcx_${direction}`].minimumKernel,
  });
}

/**
 * What runs at the interface's tcx hook, in order. Kernel 6.6. Throws KernelError ENODEV when there is no such
 * interface. Equivalent to: `bpftool net show`.
 */
export function queryTcx(
  ifIndex: IfIndex,
  direction: Direction,
  calls: LinkCalls = linkCalls,
): readonly AttachedProgram[] {
  const { result, programs } = calls.query(ifIndex, attachTypes[`tcx_${direction}`].number);
  bpfChecked(result, { call: 'bpf query', subject: `tcx ${direction} of interface ${ifIndex}` });
  return programs;
}

export interface TcxProgramOptions {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  readonly direction: Direction;
  readonly calls?: LinkCalls;
}

/**
 * Without a link, for as long as the interface lives: last of those that are there. The first program at a hook waits for a
 * grace period with the RTNL lock held. Kernel 6.6. Throws KernelError: ENODEV when there is no such interface, EEXIST when the
 * program is there.
 * @library
 */
export function attachTcxProgram(options: TcxProgramOptions): void {
  const { calls = linkCalls } = options;
  const result = calls.attachProgram(targetOf(options));
  bpfChecked(result, { call: 'bpf program attach', subject: subjectOf(options) });
}

/** One that was attached without a link. Kernel 6.6. Throws KernelError ENOENT when it is not there, ENODEV. */
export function detachTcxProgram(options: TcxProgramOptions): void {
  const { calls = linkCalls } = options;
  const result = calls.detachProgram(targetOf(options));
  bpfChecked(result, { call: 'bpf program detach', subject: subjectOf(options) });
}

function targetOf({ program, ifIndex, direction }: TcxProgramOptions): ProgramAttachment {
  const attachType = attachTypes[`tcx_${direction}`].number;
  return { programFd: program.fd, target: ifIndex, attachType };
}

function subjectOf({ program, ifIndex, direction }: TcxProgramOptions): string {
  return `${program.name} at tcx ${direction} of interface ${ifIndex}`;
}

export interface CgroupOptions {
  readonly program: BpfProgram;
  /** The cgroup's folder in the cgroup v2 hierarchy. */
  readonly cgroup: string;
  readonly attachType: CgroupAttachType;
  readonly calls?: LinkCalls;
}

/** For every process of the cgroup and those below, beside programs attached there before. sock_ops goes here too. */
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

export interface XdpOptions {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  /** `native` in the driver, `generic` after the skb is made; by default the driver's if it has one. */
  readonly mode?: 'native' | 'generic';
  readonly calls?: LinkCalls;
}

/**
 * Kernel 5.9. One program an interface: KernelError EBUSY when another link is there.
 * @library
 */
export function attachXdp({ program, ifIndex, mode, calls = linkCalls }: XdpOptions): BpfLink {
  const modes = { generic: 1 << 1, native: 1 << 2 } as const;
  const creation = {
    programFd: program.fd,
    target: ifIndex,
    attachType: attachTypes.xdp.number,
    flags: mode === undefined ? 0 : modes[mode],
  };
  return createLink(calls, creation, {
    subject: `${program.name} as XDP of interface ${ifIndex}`,
    minimumKernel: attachTypes.xdp.minimumKernel,
  });
}

export interface SkLookupOptions {
  readonly program: BpfProgram;
  /** A descriptor of the network namespace. */
  readonly namespaceFd: number;
  readonly calls?: LinkCalls;
}

/**
 * Decides which socket of the namespace gets a connection or datagram. Kernel 5.9.
 * @library
 */
export function attachSkLookup(options: SkLookupOptions): BpfLink {
  const { program, namespaceFd, calls = linkCalls } = options;
  const attachType = attachTypes.sk_lookup.number;
  return createLink(
    calls,
    { programFd: program.fd, target: namespaceFd, attachType },
    {
      subject: `${program.name} as sk_lookup of namespace fd ${namespaceFd}`,
      minimumKernel: attachTypes.sk_lookup.minimumKernel,
    },
  );
}
