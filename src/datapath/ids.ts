// Numbers, names and addresses by which entries in the kernel are known as ours.

import type { Blocks } from '../kernel/netlink/qdisc.ts';
import type { Mac } from '../net/mac.ts';

/** Marks our routes, and our neighbour entries of pods too; free in /etc/iproute2/rt_protos. */
export const routeProtocol = 72;
/** `main`, as `ip route show` calls it. */
export const mainTable = 254;

/**
 * Marks our neighbour entries of next hops. Not the number of pods' entries: whoever makes an entry permanent by hand leaves its
 * number as it is, and it would be taken for a pod's.
 */
export const nextHopProtocol = 73;

/** Our table of nftables, in family `inet`. */
export const nftTableName = 'heddle';
export const nftKey: string = `inet ${nftTableName}`;

/** MAC of both ends of a pod's queue, locally administered. */
export const queueMac = '02:68:65:64:64:71' as Mac;

/** Shared blocks of all pods' interfaces in the node's namespace: 'hd' and a digit, as ASCII. */
export const podBlocks: Blocks = { ingress: 0x686431, egress: 0x686432 };
