// Sockets that wait for clients, through sock_diag(7). Requires a netlink socket of the family `socketDiagnosis`, and works
// in that socket's network namespace. Linux 3.3, CONFIG_INET_TCP_DIAG and CONFIG_INET_UDP_DIAG.

import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';

export interface ListeningSocket {
  readonly protocol: 'TCP' | 'UDP';
  /** A socket of family 6 may serve both. */
  readonly family: 4 | 6;
  readonly port: number;
}

const socketsByFamily = 20;
const domains = { 4: 2, 6: 10 } as const;
/** TCP_LISTEN, and TCP_CLOSE for UDP sockets that are not connected. */
const kinds = [
  { protocol: 'TCP', number: 6, state: 1 << 10 },
  { protocol: 'UDP', number: 17, state: 1 << 7 },
] as const;
const idBytes = 48;
/** The source port, in struct inet_diag_msg after family, state, timer and retransmissions. */
const portOffset = 4;

/** Equivalent to: `ss -tunl`. The first `most` of each protocol and family. Throws KernelError. */
export function listListeningSockets(
  socket: Pick<NetlinkSocket, 'dumpSome'>,
  most: number,
): readonly ListeningSocket[] {
  return kinds.flatMap(({ protocol, number, state }) =>
    ([4, 6] as const).flatMap((family) => {
      const query: Query = {
        ...{ call: 'list sockets', subject: protocol.toLowerCase(), type: socketsByFamily },
        // struct inet_diag_req_v2: family, protocol, extensions, padding, states, id.
        write: (message) => {
          message.u8(domains[family]).u8(number).u8(0).u8(0).u32(state);
          for (let i = 0; i < idBytes; i++) message.u8(0);
        },
      };
      const read = (payload: Buffer): ListeningSocket => {
        return { protocol, family, port: payload.readUInt16BE(portOffset) };
      };
      return socket.dumpSome(query, read, most).results;
    }),
  );
}
