// Finds the user of the tunnels' UDP port if the kernel reports only EADDRINUSE or EEXIST.

import { existsSync, readFileSync } from 'node:fs';
import { isKernelError, KernelError } from '../../kernel/errno.ts';
import { listLinks } from '../../kernel/netlink/link.ts';
import type { Dumps } from '../../kernel/netlink/protocol/request.ts';

/** Runs `bringUp`. If the port is in use, the error names its user. Throws KernelError. */
export function namingPortHolder<Result>(
  socket: Dumps,
  { name, port }: { readonly name: string; readonly port: number },
  bringUp: () => Result,
): Result {
  try {
    return bringUp();
  } catch (error) {
    if (!isKernelError(error, 'EADDRINUSE', 'EEXIST')) throw error;
    const { call, code } = error;
    const subject = `vxlan ${name} port ${port}`;
    const detail = `UDP port ${port} is used by ${holder(socket, name, port)}; set \`vxlan.port\` to another port on every node`;
    throw new KernelError({ call, code, subject, detail }, { cause: error });
  }
}

function holder(socket: Dumps, ownName: string, port: number): string {
  const device = listLinks(socket, { kind: 'vxlan' }).find(
    ({ name, vxlan }) => name !== ownName && vxlan?.port === port,
  );
  if (device !== undefined) return `the VXLAN device ${device.name} (VNI ${device.vxlan?.id})`;
  const user = ['udp', 'udp6'].map((file) => userOf(file, port)).find((uid) => uid !== undefined);
  if (user === undefined) return 'another tunnel in the kernel';
  return `a process of user ${user} (\`ss -lunp 'sport = :${port}'\`)`;
}

// Columns of /proc/net/udp: number, local address and port in hexadecimal, ..., user at the eighth place.
function userOf(file: string, port: number): string | undefined {
  const path = `/proc/thread-self/net/${file}`;
  if (!existsSync(path)) return undefined;
  const wanted = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of readFileSync(path, 'utf8').split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[1]?.endsWith(wanted)) return fields[7];
  }
  return undefined;
}
