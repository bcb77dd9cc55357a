// Requests to sock_diag(7) about TCP and UDP sockets (linux/inet_diag.h), and where the answers have what.

import type { MessageWriter } from '../netlink/protocol/message.ts';

/** SOCK_DIAG_BY_FAMILY and SOCK_DESTROY. */
export const diagnosisMessages = { list: 20, destroy: 21 } as const;
/** AF_INET and AF_INET6. A socket of the second may have IPv4 addresses in mapped form. */
export const diagnosisDomains = [2, 10] as const;

/** struct inet_diag_sockid, which follows family, state, timer and retransmissions in struct inet_diag_msg. */
export const socketId = { offset: 4, bytes: 48, cookie: 40 } as const;

export interface DiagnosisRequest {
  readonly domain: number;
  /** IP protocol number. */
  readonly protocol: number;
  /** A bit for each state, as in TCP_ESTABLISHED (1) to TCP_NEW_SYN_RECV (12). */
  readonly states: number;
  /** Absent: any socket. */
  readonly id?: Buffer | undefined;
}

const noId = Buffer.alloc(socketId.bytes);

// struct inet_diag_req_v2: family, protocol, extensions, padding, states, id. The id is copied byte by byte.
export function writeDiagnosisRequest(message: MessageWriter, request: DiagnosisRequest): void {
  const { domain, protocol, states, id = noId } = request;
  message.u8(domain).u8(protocol).u8(0).u8(0).u32(states);
  for (const byte of id) message.u8(byte);
}
