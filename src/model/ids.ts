// Numbers, names and addresses that identify heddle's entries in the kernel. `npm run generate` writes those that C code
// needs into bpf/ids.h.

import type { Mac } from '../net/mac.ts';

/** Marks heddle's routes, and its neighbour entries of pods; unused in /etc/iproute2/rt_protos. */
export const routeProtocol = 72;

/**
 * Marks heddle's neighbour entries of next hops. It differs from that of pods' entries, because a user who makes an
 * entry permanent keeps its number, and it would be taken for a pod's.
 */
export const nextHopProtocol = 73;

/** Heddle's nftables tables, in family `inet`: of the pod network, and of Services. */
export const nftTableName = 'heddle';
export const serviceTableName = 'heddle_services';
export const nftKey: string = `inet ${nftTableName}`;

/** Name of the VXLAN device. */
export const overlayDeviceName = 'heddle_vxlan';

/** Prefix of the names of pods' host interfaces; 11 hex digits follow. */
export const podLinkPrefix = 'hd';
/** Prefixes of the names of the two ends of a pod's queue; the digits of its host interface follow. */
export const queuePrefixes = { near: 'hdq', far: 'hdr' } as const;
/** Prefix of the name of a former endpoint that waits for its deletion; its index follows. */
export const doomedPrefix = 'hdx';

/** MACs, locally administered. */
export const ownMacs = {
  /**
   * MAC of the VXLAN device and of pods' host interfaces. All nodes share it, so that a pod's frames arrive addressed to
   * the device of the other node.
   */
  overlay: '02:68:65:64:64:6c' as Mac,
  /** Source MAC of the node's own packets into the tunnel: a VXLAN device drops packets from its own MAC as a loop. */
  node: '02:68:65:64:64:6e' as Mac,
  /** MAC of both ends of a pod's queue. */
  queue: '02:68:65:64:64:71' as Mac,
} as const;

/**
 * Offsets of the indices of a queue's ends from that of the pod's interface. The kernel counts up from 1 and does not
 * reach these.
 */
export const queueOffsets = { near: 0x2000_0000, far: 0x4000_0000 } as const;

/** Shared blocks of all pods' interfaces in the node's namespace: 'hd' and a digit, as ASCII. */
export const podBlocks = { ingress: 0x686431, egress: 0x686432 } as const;

/** Group of the interfaces that are about to be deleted; only heddle's have it: 'hdx' as ASCII. */
export const doomedGroup = 0x686478;

/** Marks of packets from the programs, which their reader clears. */
export const packetMarks = {
  /** Of a direct flow that passes the stack, for the nftables chain `direct`: 'hedd' as ASCII. */
  direct: 0x68656464,
  /** Through the queue of the pod's limit and not through the stack, for `to_pod`: 'hedq' as ASCII. */
  queued: 0x68656471,
} as const;

/**
 * Marks of packets to a Service, from the programs to the nftables table `heddle_services`. The tag is in the bits of
 * `tagMask`; the number of the backend is in those of `backendMask`. Packets that begin no connection have number 0.
 */
export const serviceMarks = {
  tag: 0x4800_0000,
  tagMask: 0xff00_0000,
  /** The backend sees an address of the node instead of the client's. */
  masquerade: 0x0080_0000,
  backendMask: 0x000f_ffff,
  /** In place of a backend's number: the client gets an error, or no answer, if the packet begins a connection. */
  refuse: 0x000f_ffff,
  silent: 0x000f_fffe,
} as const;

/**
 * Priority of packets from `to_overlay` to the nftables chain `tunnel_sent`, which clears it. A process needs
 * CAP_NET_ADMIN or CAP_NET_RAW to set it.
 */
export const tunnelPriority = 0x68656464;
