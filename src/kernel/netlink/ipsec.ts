// Whether IPsec policies exist (linux/xfrm.h).

import { isKernelError } from '../errno.ts';
import { Attributes } from './protocol/attribute.ts';
import type { Query } from './protocol/request.ts';
import { NetlinkSocket } from './socket.ts';

/** For `outgoingPolicies`; undefined if the kernel has no IPsec. Throws KernelError. */
export function openIpsec(): NetlinkSocket | undefined {
  try {
    return NetlinkSocket.open({ family: 'ipsec' });
  } catch (error) {
    if (isKernelError(error, 'EPROTONOSUPPORT')) return undefined;
    throw error;
  }
}

/**
 * Number of policies of the socket's namespace for outgoing packets.
 * Equivalent to: `ip xfrm policy count`. Throws KernelError.
 */
export function outgoingPolicies(socket: Pick<NetlinkSocket, 'get'>): number {
  const getPolicyInfo = 0x25;
  const counts = 1;
  const headerSize = 4;
  const query: Query = {
    call: 'ipsec policy count',
    subject: 'the namespace',
    type: getPolicyInfo,
    write: (message) => message.u32(0),
  };
  return socket.get(query, (payload) => {
    // struct xfrmu_spdinfo: in, out, forwarded, then the same for sockets.
    const info = new Attributes(payload.subarray(headerSize)).view(counts);
    return info === undefined || info.length < 8 ? 0 : info.readUInt32LE(4);
  });
}
