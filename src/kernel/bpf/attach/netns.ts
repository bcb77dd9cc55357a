// Programs at a network namespace: sk_lookup chooses the socket that receives a connection or datagram.

import { attachTypes } from '../attach-type.ts';
import { type BpfLink, createLink } from '../link.ts';
import { type LinkCalls, linkCalls } from '../link-calls.ts';
import type { BpfProgram } from '../program.ts';

export interface SkLookupOptions {
  readonly program: BpfProgram;
  /** A descriptor of the network namespace. */
  readonly namespaceFd: number;
  readonly calls?: LinkCalls;
}

/** Runs after programs attached there before. Kernel 5.9. Throws KernelError. */
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
