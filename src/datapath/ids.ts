// Numbers, names and addresses that identify heddle's entries in the kernel.

import type { Blocks } from '../kernel/netlink/qdisc.ts';
import type { Mac } from '../net/mac.ts';

/** Marks heddle's routes, and its neighbour entries of pods; unused in /etc/iproute2/rt_protos. */
export const routeProtocol = 72;
/** `main` in `ip route show`. */
export const mainTable = 254;

/**
 * Marks heddle's neighbour entries of next hops. It differs from that of pods' entries, because a user who makes an
 * entry permanent keeps its number, and it would be taken for a pod's.
 */
export const nextHopProtocol = 73;

/** Heddle's nftables table, in family `inet`. */
export const nftTableName = 'heddle';
export const nftKey: string = `inet ${nftTableName}`;

/** MAC of both ends of a pod's queue, locally administered. */
export const queueMac = '02:68:65:64:64:71' as Mac;

/** Shared blocks of all pods' interfaces in the node's namespace: 'hd' and a digit, as ASCII. */
export const podBlocks: Blocks = { ingress: 0x686431, egress: 0x686432 };
