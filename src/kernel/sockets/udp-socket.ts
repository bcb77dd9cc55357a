// Connected UDP sockets through sock_diag(7): list, and destroy as `ss -K` does. A destroyed socket stays with its process,
// which gets ECONNABORTED and connects again. Requires a netlink socket of the family `socketDiagnosis`, and works in that
// socket's network namespace. Linux 4.9, CONFIG_INET_UDP_DIAG and CONFIG_INET_DIAG_DESTROY.

import type { MessageWriter } from '../netlink/protocol/message.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

export interface UdpSocket {
  /** As bpf_get_socket_cookie() returns it. */
  readonly cookie: number;
  /** AF_INET or AF_INET6. */
  readonly domain: number;
  /** struct inet_diag_sockid: ports, addresses, interface, cookie. */
  readonly id: Buffer;
}

const socketsByFamily = 20;
const destroySocket = 21;
const domains = [2, 10] as const;
const udpProtocol = 17;
/** TCP_ESTABLISHED, which a connected UDP socket has as well. */
const connectedState = 1 << 1;
const idBytes = 48;
/** In struct inet_diag_msg, after family, state, timer and retransmissions. */
const idOffset = 4;
const cookieOffset = 40;
const noId = Buffer.alloc(idBytes);

/** Equivalent to: `ss -una state connected`. Throws KernelError. */
export function listConnectedUdp(socket: NetlinkSocket): readonly UdpSocket[] {
  return domains.flatMap((domain) => {
    const query: Query = {
      ...{ call: 'list sockets', subject: 'udp', type: socketsByFamily },
      write: (message) => writeRequest(message, domain, noId),
    };
    return socket.dump(query, (payload) => {
      const id = Buffer.from(payload.subarray(idOffset, idOffset + idBytes));
      return { cookie: Number(id.readBigUInt64LE(cookieOffset)), domain, id };
    });
  });
}

/** Throws KernelError: ENOENT if it is closed by now. */
export function destroyUdp(socket: NetlinkSocket, { domain, id, cookie }: UdpSocket): void {
  socket.submit({
    ...{ call: 'destroy socket', subject: `udp, cookie ${cookie}`, type: destroySocket, flags: 0 },
    write: (message) => writeRequest(message, domain, id),
  });
}

// struct inet_diag_req_v2: family, protocol, extensions, padding, states, id. The id is copied byte by byte.
function writeRequest(message: MessageWriter, domain: number, id: Buffer): void {
  message.u8(domain).u8(udpProtocol).u8(0).u8(0).u32(connectedState);
  for (const byte of id) message.u8(byte);
}
