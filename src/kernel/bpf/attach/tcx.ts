// Programs at an interface's tcx hooks, by a link or without one. Interfaces are looked up in the caller's network namespace.

import type { IfIndex } from '../../../net/if-index.ts';
import { attachTypes } from '../attach-type.ts';
import { bpfChecked } from '../bpf.ts';
import { type BpfLink, createLink } from '../link.ts';
import {
  type AttachedProgram,
  type LinkCalls,
  linkCalls,
  type ProgramAttachment,
} from '../link-calls.ts';
import type { BpfProgram } from '../program.ts';

export type Direction = 'ingress' | 'egress';

/** Position among the programs at the hook. */
export type TcxPlace =
  | { readonly kind: 'first' }
  | { readonly kind: 'last' }
  | { readonly kind: 'before'; readonly link: BpfLink }
  | { readonly kind: 'after'; readonly link: BpfLink };

export interface TcxProgramOptions {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  readonly direction: Direction;
  readonly calls?: LinkCalls;
}

export interface TcxOptions extends TcxProgramOptions {
  /** Default: last. */
  readonly place?: TcxPlace;
}

/** Kernel 6.6. Throws KernelError ENODEV if there is no such interface. */
export function attachTcx({ place, ...hook }: TcxOptions): BpfLink {
  const { calls = linkCalls } = hook;
  const creation = { ...targetOf(hook), ...orderOf(place ?? { kind: 'last' }) };
  return createLink(calls, creation, {
    subject: subjectOf(hook),
    minimumKernel: attachTypes[`tcx_${hook.direction}`].minimumKernel,
  });
}

interface Order {
  readonly flags: number;
  readonly relativeFd?: number;
}

// uapi linux/bpf.h: BPF_F_BEFORE, BPF_F_AFTER, BPF_F_LINK. "Before" without a link means first; without any flag a
// program is last.
const orderFlags = { before: 1 << 3, after: 1 << 4, relativeToLink: 1 << 13 } as const;

function orderOf(place: TcxPlace): Order {
  switch (place.kind) {
    case 'first':
      return { flags: orderFlags.before };
    case 'last':
      return { flags: 0 };
    case 'before':
    case 'after':
      return {
        flags: orderFlags[place.kind] | orderFlags.relativeToLink,
        relativeFd: place.link.fd,
      };
  }
}

/**
 * Programs at the interface's tcx hook, in order of execution. Kernel 6.6. Throws KernelError ENODEV if there is no
 * such interface.
 * Equivalent to: `bpftool net show`.
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

/**
 * Attaches a program without a link, as the last one, for the lifetime of the interface. The first program at a hook
 * waits for a grace period with the RTNL lock held. Kernel 6.6. Throws KernelError: ENODEV if there is no such
 * interface, EEXIST if the program is already attached.
 * @library
 */
export function attachTcxProgram(options: TcxProgramOptions): void {
  const { calls = linkCalls } = options;
  const result = calls.attachProgram(targetOf(options));
  bpfChecked(result, { call: 'bpf program attach', subject: subjectOf(options) });
}

/**
 * Detaches a program that was attached without a link. Kernel 6.6. Throws KernelError ENOENT if it is not attached,
 * ENODEV.
 */
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
