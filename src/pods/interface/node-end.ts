// Kernel parameters of the node's end of a pod's veth that count before it comes up. What they are comes with its creation: a
// file under /proc/sys is opened for what must change alone.

import { writeFileSync } from 'node:fs';
import type { Ipv6Devconf } from '../../kernel/netlink/devconf.ts';
import { sysctlFile } from '../../kernel/sysctl.ts';

/** The node takes no router advertisement from a pod, whatever its defaults are and before the programs are in place.
 * What it has then; undefined where it has no IPv6. */
export function setNodeEnd(
  ifName: string,
  hasIpv6: boolean,
  made: Ipv6Devconf | undefined,
): Ipv6Devconf | undefined {
  const settings = sysctlFile(`net/ipv6/conf/${ifName}`);
  // A kernel started without IPv6 has none of these.
  if (made === undefined && !hasIpv6) return undefined;
  // Hardened hosts turn it off for every new interface.
  const disabled = made?.disabled === true && !hasIpv6;
  if (made?.disabled !== disabled) writeFileSync(`${settings}/disable_ipv6`, '0');
  if (made?.acceptRa !== 0) writeFileSync(`${settings}/accept_ra`, '0');
  return made && { ...made, disabled, acceptRa: 0 };
}
