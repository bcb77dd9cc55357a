// The XDP program of an interface, which is looked up in the caller's network namespace.

import type { IfIndex } from '../../../net/if-index.ts';
import { attachTypes } from '../attach-type.ts';
import { type BpfLink, createLink } from '../link.ts';
import { type LinkCalls, linkCalls } from '../link-calls.ts';
import type { BpfProgram } from '../program.ts';

export interface XdpOptions {
  readonly program: BpfProgram;
  readonly ifIndex: IfIndex;
  /** `native` in the driver, `generic` after the skb is created; by default the driver's if it supports XDP. */
  readonly mode?: 'native' | 'generic';
  readonly calls?: LinkCalls;
}

/** Kernel 5.9. An interface has at most one: KernelError EBUSY if another link exists. */
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
