// Connected UDP sockets through sock_diag(7): list, and destroy as `ss -K` does. A destroyed socket stays with its process,
// which gets ECONNABORTED and connects again. Requires a netlink socket of the family `socketDiagnosis`, and works in that
// socket's network namespace. Linux 4.9, CONFIG_INET_UDP_DIAG and CONFIG_INET_DIAG_DESTROY.

import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import {
  diagnosisDomains,
  diagnosisMessages,
  socketId,
  writeDiagnosisRequest,
} from './diagnosis.ts';

export interface UdpSocket {
  /** As bpf_get_socket_cookie() returns it. */
  readonly cookie: number;
  /** AF_INET or AF_INET6. */
  readonly domain: number;
  /** struct inet_diag_sockid: ports, addresses, interface, cookie. */
  readonly id: Buffer;
}

/** TCP_ESTABLISHED, which a connected UDP socket has as well. */
const connectedUdp = { protocol: 17, states: 1 << 1 } as const;

/** Equivalent to: `ss -una state connected`. Throws KernelError. */
export function listConnectedUdp(socket: NetlinkSocket): readonly UdpSocket[] {
  return diagnosisDomains.flatMap((domain) => {
    const query: Query = {
      ...{ call: 'list sockets', subject: 'udp', type: diagnosisMessages.list },
      write: (message) => writeDiagnosisRequest(message, { ...connectedUdp, domain }),
    };
    return socket.dump(query, (payload) => {
      const id = Buffer.from(payload.subarray(socketId.offset, socketId.offset + socketId.bytes));
      return { cookie: Number(id.readBigUInt64LE(socketId.cookie)), domain, id };
    });
  });
}

/** Throws KernelError: ENOENT if it is closed by now. */
export function destroyUdp(socket: NetlinkSocket, { domain, id, cookie }: UdpSocket): void {
  socket.submit({
    ...{ call: 'destroy socket', subject: `udp, cookie ${cookie}`, flags: 0 },
    type: diagnosisMessages.destroy,
    write: (message) => writeDiagnosisRequest(message, { ...connectedUdp, domain, id }),
  });
}
