// TCP and UDP sockets through sock_diag(7), found by their cookies. Requires a netlink socket of the family
// `socketDiagnosis`, and works in that socket's network namespace. Linux 4.9, CONFIG_INET_TCP_DIAG and
// CONFIG_INET_UDP_DIAG.

import { type Address, addressFromBytes } from '../../net/address.ts';
import type { Port } from '../../net/port.ts';
import type { Query } from '../netlink/protocol/request.ts';
import type { NetlinkSocket } from '../netlink/socket.ts';
import {
  diagnosisDomains,
  diagnosisMessages,
  socketId,
  writeDiagnosisRequest,
} from './diagnosis.ts';

export interface InetSocket {
  /** As bpf_get_socket_cookie() returns it. */
  readonly cookie: number;
  readonly state: SocketState;
  /** IPv4-mapped addresses as IPv4. The unspecified address: the socket is not bound to one. */
  readonly local: { readonly address: Address; readonly port: Port };
}

// By number (net/tcp_states.h), as ss(8) prints them. A UDP socket is `established` if it is connected, otherwise
// `closed`.
const socketStates = [
  'unknown',
  'established',
  'syn-sent',
  'syn-received',
  'fin-wait-1',
  'fin-wait-2',
  'time-wait',
  'closed',
  'close-wait',
  'last-ack',
  'listen',
  'closing',
  'new-syn-received',
] as const;

export type SocketState = (typeof socketStates)[number];

export interface SocketSearch {
  readonly protocol: 'tcp' | 'udp';
  isWanted(cookie: number): boolean;
}

// Nobody has a descriptor of a socket in time-wait, and one that listens is connected to nobody.
const searched = {
  tcp: { protocol: 6, states: 0xffff & ~(1 << 6) & ~(1 << 10) & ~(1 << 12) },
  udp: { protocol: 17, states: 0xffff },
} as const;

/**
 * Yields the wanted sockets, one part of the kernel's list at a time, while this thread does other work. The others cost
 * no more than a look at their cookies. The netlink socket must not be used again if the end is not reached.
 * Equivalent to: `ss -tane` or `ss -uane`. Throws KernelError.
 */
export async function* inetSocketPieces(
  socket: NetlinkSocket,
  { protocol, isWanted }: SocketSearch,
): AsyncGenerator<readonly InetSocket[], void> {
  for (const domain of diagnosisDomains) {
    const query: Query = {
      ...{ call: 'list sockets', subject: protocol, type: diagnosisMessages.list },
      write: (message) => writeDiagnosisRequest(message, { ...searched[protocol], domain }),
    };
    yield* socket.dumpInPieces(query, (payload) => {
      const cookie = Number(payload.readBigUInt64LE(socketId.offset + socketId.cookie));
      return isWanted(cookie) ? readSocket(payload, cookie) : undefined;
    });
  }
}

// struct inet_diag_msg: family, state, timer, retransmissions; ports and addresses in network order.
function readSocket(payload: Buffer, cookie: number): InetSocket {
  const addressBytes = payload.readUInt8(0) === diagnosisDomains[0] ? 4 : 16;
  const address = addressFromBytes(payload.subarray(8, 8 + addressBytes));
  const port = payload.readUInt16BE(socketId.offset) as Port;
  return {
    cookie,
    state: socketStates[payload.readUInt8(1)] ?? 'unknown',
    local: { address, port },
  };
}
