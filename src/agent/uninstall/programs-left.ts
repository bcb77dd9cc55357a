// Programs of heddle's data path that are attached in this namespace, whichever folder their links are pinned in.

import { ownTcxPrograms } from '../../datapath/attach/tcx-programs.ts';
import { listLinks } from '../../kernel/netlink/link.ts';
import type { NetlinkSocket } from '../../kernel/netlink/socket.ts';

const directions = ['ingress', 'egress'] as const;

/** `eth0 ingress: from_network (id 12)`. Empty without CAP_SYS_ADMIN. Throws KernelError. */
export function programsLeft(socket: NetlinkSocket): readonly string[] {
  return listLinks(socket).flatMap(({ ifIndex, name }) =>
    directions.flatMap((direction) =>
      ownTcxPrograms(ifIndex, direction).map(
        (program) => `${name} ${direction}: ${program.name} (id ${program.programId})`,
      ),
    ),
  );
}
