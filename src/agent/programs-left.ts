// Programs of our data path that run at interfaces of this namespace, whichever folder their links are pinned in.

import { programNames } from '../datapath/generated.ts';
import { queryTcx } from '../kernel/attach.ts';
import { isKernelError } from '../kernel/errno.ts';
import { listLinks } from '../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../kernel/netlink/socket.ts';
import { BpfProgram } from '../kernel/program.ts';
import type { IfIndex } from '../net/if-index.ts';

const directions = ['ingress', 'egress'] as const;
const ourNames: ReadonlySet<string> = new Set(programNames);

/**
 * `eth0 ingress: from_network (id 12)`. Without CAP_SYS_ADMIN the kernel says no program's name, and none is listed.
 * Throws KernelError.
 */
export function programsLeft(socket: NetlinkSocket): readonly string[] {
  return listLinks(socket).flatMap(({ ifIndex, name }) =>
    directions.flatMap((direction) =>
      programsAt(ifIndex, direction).flatMap((id) => {
        const program = nameOf(id);
        if (program === undefined || !ourNames.has(program)) return [];
        return [`${name} ${direction}: ${program} (id ${id})`];
      }),
    ),
  );
}

function programsAt(ifIndex: IfIndex, direction: (typeof directions)[number]): readonly number[] {
  try {
    return queryTcx(ifIndex, direction).map(({ programId }) => programId);
  } catch (error) {
    // The interface was removed meanwhile.
    if (isKernelError(error, 'ENODEV')) return [];
    throw error;
  }
}

function nameOf(id: number): string | undefined {
  try {
    using program = BpfProgram.openById(id);
    return program.name;
  } catch (error) {
    if (isKernelError(error, 'ENOENT', 'EPERM')) return undefined;
    throw error;
  }
}
