// Kernel parameters of the host end of a pod's veth that must be set before it comes up. Their values are known from
// its creation: a file under /proc/sys is opened only for a change.

import { writeFileSync } from 'node:fs';
import type { Ipv6Devconf } from '../../kernel/netlink/devconf.ts';
import { sysctlFile } from '../../kernel/sysctl.ts';

/**
 * The node must not accept router advertisements from a pod, whatever its defaults and before the programs are
 * attached. Returns the resulting settings; undefined without IPv6.
 */
export function setNodeEnd(
  ifName: string,
  hasIpv6: boolean,
  made: Ipv6Devconf | undefined,
): Ipv6Devconf | undefined {
  const settings = sysctlFile(`net/ipv6/conf/${ifName}`);
  // A kernel started without IPv6 has none of these.
  if (made === undefined && !hasIpv6) return undefined;
  // Hardened hosts disable it for every new interface.
  const disabled = made?.disabled === true && !hasIpv6;
  if (made?.disabled !== disabled) writeFileSync(`${settings}/disable_ipv6`, '0');
  if (made?.acceptRa !== 0) writeFileSync(`${settings}/accept_ra`, '0');
  return made && { ...made, disabled, acceptRa: 0 };
}
